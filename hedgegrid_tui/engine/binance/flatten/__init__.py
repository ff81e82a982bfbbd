"""Cancels and closes at the venue without a node."""
