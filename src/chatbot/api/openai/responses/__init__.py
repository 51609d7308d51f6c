"""OpenAI's newer format: one response to an input of items."""
