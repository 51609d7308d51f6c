"""Untrusted text as one harmless line: what a search result, a card or a title may bring is not layout.

Characters that nobody sees (controls, bidi overrides, zero width, tags, fillers, variation selectors) carry
instructions past a reader, and line breaks let a quoted text pretend to be the frame around it.
"""

import unicodedata

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_SPACE_CATEGORIES = frozenset({"Zs", "Zl", "Zp"})

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that render as nothing: joiners, Hangul fillers, the empty braille cell."""


def _seen(character: str) -> str:
    if " " <= character <= "~" or "가" <= character <= "힣":
        return character
    if character in "\t\n\v\f\r\x85":
        return " "
    if character in _BLANK or "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return ""
    category = unicodedata.category(character)
    if category in _SPACE_CATEGORIES:
        return " "
    return "" if category in _INVISIBLE_CATEGORIES else character


def one_line(text: str, limit: int) -> str:
    """The visible characters of ``text`` in NFC on one line, at most ``limit`` of them; a cut ends in "…".

    Only the first ``4 * limit + 64`` characters are looked at, so that the cost has a bound.
    """
    head = unicodedata.normalize("NFC", text[: 4 * limit + 64])
    line = " ".join("".join(map(_seen, head)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
