"""Markets that need no venue: simulated and recorded."""
