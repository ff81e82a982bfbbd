"""What is asked of the venue before a session starts."""
