"""Two chatbots for a small team, office and character, on local Llama models.

Layers, top to bottom: server, api, (core, llm, adapters), scheduling, domain; see docs/architecture.md.
"""

__version__ = "0.1.0"
