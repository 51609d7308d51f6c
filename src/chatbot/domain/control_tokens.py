"""Control tokens of chat templates, spelled out in foreign text: orders to a server that parses them.

Our own engine takes them as text. Many servers of OpenAI's protocol tokenise a message together with its chat
template, so a text that spells the end of a turn ends it there.
"""

import re

_CONTROL_TOKEN = re.compile(
    r"(?P<bar><[|｜])[^<>|｜]{0,64}[|｜]>"
    r"|(?P<turn><)/?(?:start|end)_of_turn>"
    r"|(?P<square>\[)/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\]"
    r"|(?P<double><<)/?SYS>>",
    re.IGNORECASE,
)
"""Llama 3, ChatML, Phi, GLM and harmony; DeepSeek (wide bars); Gemma; Mistral; Llama 2."""


def without_control_tokens(text: str) -> str:
    """The text with a space instead of each control token."""
    return _CONTROL_TOKEN.sub(" ", text)


def defused(text: str) -> str:
    """The text with a space inside each control token: still readable, and no token any more."""
    return _CONTROL_TOKEN.sub(_opened, text)


def _opened(token: re.Match[str]) -> str:
    opening = token[token.lastgroup or 0]
    return f"{opening} {token[0][len(opening) :]}"
