"""Control tokens spelled out in foreign text: nothing to OpenAI, orders to many servers of its protocol.

Such a server tokenises a message together with its chat template, so a question that spells the end of a turn
ends it. A space inside the mark keeps it readable and makes it text.
"""

import re

_INSIDE_A_MARK = re.compile(
    r"(?<=<[|｜])(?=[^\s<>|｜]{1,64}[|｜]>)"
    r"|(?<=<)(?=/?(?:start|end)_of_turn>)"
    r"|(?<=\[)(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\])"
    r"|(?<=<<)(?=/?SYS>>)",
    re.IGNORECASE,
)
"""Llama 3, ChatML, Phi, GLM and harmony; DeepSeek (wide bars); Gemma; Mistral; Llama 2."""


def defused(text: str) -> str:
    """The text with a space inside everything that could be a turn's or a tool's control token."""
    return _INSIDE_A_MARK.sub(" ", text)
