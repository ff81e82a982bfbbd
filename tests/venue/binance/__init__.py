"""A fake Binance USDT-M futures on loopback, over `tests.venue.core`: REST, streams, and faults by rule."""
