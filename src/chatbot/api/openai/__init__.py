"""``/v1``: the service for clients that speak OpenAI's format."""
