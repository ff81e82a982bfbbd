"""The own small REST client: addresses, keys, requests, and typed answers."""
