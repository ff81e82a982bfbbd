"""An independent fake of Binance's hedge mode, and Nautilus execution clients in front of it."""
