"""Ways to produce text; each implements the ChatModel port."""
