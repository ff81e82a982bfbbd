"""Watches over the venue while a session runs."""
