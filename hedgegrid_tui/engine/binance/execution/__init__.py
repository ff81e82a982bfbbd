"""Nautilus's execution client, mended where real money would be lost."""
