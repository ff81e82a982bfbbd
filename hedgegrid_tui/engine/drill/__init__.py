"""The rehearsal of the emergency: the real parts on a market and a venue that the drill steers."""
