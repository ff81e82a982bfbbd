"""The cockpit and the engine that it hosts."""

__version__ = "0.1.0"
