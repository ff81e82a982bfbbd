"""Tests of what the product has for Binance, against the fake on loopback."""
