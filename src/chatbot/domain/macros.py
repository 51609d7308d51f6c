"""The macros of character cards: ``{{char}}``, ``{{user}}``, and the older ``<BOT>``, ``<CHAR>``, ``<USER>``.

Upper and lower case are one, spaces inside the braces are allowed, and notes (``{{// …}}``,
``{{comment: …}}``) go. Everything else in braces stays as it is. Source: Character Card V2 and V3
specifications, and the macros that SillyTavern documents.
"""

import re

from chatbot.domain.particles import PARTICLE, agreeing

_NOTE = re.compile(r"\{\{\s*(?://|comment\s*:)[^{}]*\}\}", re.IGNORECASE)
_NAME = re.compile(rf"(?:\{{\{{\s*(char|user)\s*\}}\}}|<(bot|char|user)>)(?:{PARTICLE})?", re.IGNORECASE)


def fill_macros(text: str, character: str, user: str) -> str:
    """Put the two names in, in one pass, so that a name cannot bring macros of its own.

    A Korean particle right behind a macro follows the name's last sound (``{{char}}는``: 레이첼은, 미나는).
    """

    def name(match: re.Match[str]) -> str:
        chosen = user if (match[1] or match[2]).lower() == "user" else character
        return chosen + agreeing(chosen, match[3] or "")

    return _NAME.sub(name, _NOTE.sub("", text))
