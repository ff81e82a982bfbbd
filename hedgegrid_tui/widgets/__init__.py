"""Thin widgets over what `render` gives."""
