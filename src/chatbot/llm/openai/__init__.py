"""Answers by OpenAI or any server that speaks its protocol; docs/openai.md says how it is set up."""
