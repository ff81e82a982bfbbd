"""A seeded simulation of the strategy in Nautilus's own engine against the independent venue."""
