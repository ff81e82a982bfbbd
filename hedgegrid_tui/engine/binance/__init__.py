"""Binance USDT-M futures: addresses, keys, REST, and what a session there needs besides Nautilus's adapter."""
