"""Hosting: the engine's thread and loop, a node or a replay for each mode, log capture."""
