"""The trading brain: facts in, orders out; knows Nautilus, never a screen."""
