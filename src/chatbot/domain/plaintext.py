"""Untrusted text as one harmless line: what a search result, a card or a title may bring is not layout.

Characters that nobody sees (controls, bidi overrides, zero width, tags, fillers, variation selectors) carry
instructions past a reader, and line breaks let a quoted text pretend to be the frame around it. Only what
holds an emoji together stays: one joiner or one selector behind a visible symbol, or in a key of a phone.
"""

import re
import unicodedata
from typing import Any

_UNSOUND = re.compile("[\x00\ud800-\udfff]")
"""NUL, and halves of characters beyond U+FFFF: stores, headers and tokenizers fail on them, or cut there."""

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_SPACE_CATEGORIES = frozenset({"Zs", "Zl", "Zp"})

_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and marks that render as nothing: joiners, Hangul fillers, the empty braille cell."""

_JOINER, _EMOJI_STYLE, _KEY = "\u200d", "\ufe0f", "\u20e3"

_ON_KEYS = tuple("0123456789#*")

_MOST_MARKS = 30
"""Marks in a row that any language has: the Stream-Safe Text Format of Unicode (UAX #15 §13)."""

_MARKS_WHEN_COMPATIBLE = "\uff9e\uff9f"
"""The halfwidth voiced sound marks: the only letters of which NFKC makes marks."""


def is_sound(text: str) -> bool:
    """Whether it is Unicode that everything behind a request can carry: no NUL, no lone surrogate."""
    return _UNSOUND.search(text) is None


def mended(text: str) -> str:
    """The text with U+FFFD in place of what makes it unsound."""
    return _UNSOUND.sub("\ufffd", text)


def without_unsound(value: Any) -> Any:
    """JSON without what makes its names and texts unsound; of names that become one the last is kept."""
    if isinstance(value, str):
        return _UNSOUND.sub("", value)
    if isinstance(value, list):
        return [without_unsound(item) for item in value]
    if isinstance(value, dict):
        return {without_unsound(name): without_unsound(member) for name, member in value.items()}
    return value


def nfc(text: str) -> str:
    """The text in Unicode's composed form: a syllable is one character, however the keyboard made it.

    A text with more than 30 marks in a row stays as it is: to put them in order takes the square of their
    number, which would be a stranger's to choose.
    """
    return text if text.isascii() or _has_many_marks(text) else unicodedata.normalize("NFC", text)


def compatible(text: str) -> str:
    """The text in one form for all that look alike (NFKC), under the same condition as ``nfc``."""
    return text if text.isascii() or _has_many_marks(text) else unicodedata.normalize("NFKC", text)


def beginning(text: str, limit: int) -> str:
    """The first ``limit`` characters of the text in NFC, which stay as many when they are composed once more.

    The cut may end a row of marks for which the text was left as it was.
    """
    return nfc(nfc(text)[:limit])[:limit]


def _has_many_marks(text: str) -> bool:
    run = 0
    for character in text:
        mark = unicodedata.category(character)[0] == "M" or character in _MARKS_WHEN_COMPATIBLE
        run = run + 1 if mark else 0
        if run > _MOST_MARKS:
            return True
    return False


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


def _is_symbol(character: str) -> bool:
    """Whether an emoji may begin with it; ASCII has none, so that no sign of a program counts."""
    return character > "~" and unicodedata.category(character) in ("So", "Sm")


def _holds_together(before: str, character: str, behind: str) -> bool:
    """Whether the character makes one emoji of its neighbours, each of them one character or ""."""
    if character == _EMOJI_STYLE:
        return _is_symbol(before) or (behind == _KEY and before in _ON_KEYS)
    if character != _JOINER or not _is_symbol(behind):
        return False
    return before == _EMOJI_STYLE or _is_skin_tone(before) or _is_symbol(before)


def _is_skin_tone(character: str) -> bool:
    return "\U0001f3fb" <= character <= "\U0001f3ff"


def visible(text: str) -> str:
    """The characters of ``text`` that are seen, in NFC; every kind of space and line break is one space."""
    composed = nfc(text)
    before = ""
    pieces: list[str] = []
    for place, character in enumerate(composed, 1):
        held = _holds_together(before, character, composed[place : place + 1])
        seen = character if held else _seen(character)
        pieces.append(seen)
        before = seen or before
    # What stood between a letter and its mark may be gone.
    return nfc(" ".join("".join(pieces).split()))


def one_line(text: str, limit: int) -> str:
    """The visible characters of ``text`` on one line, at most ``limit`` of them; a cut ends in "…".

    Only the first ``4 * limit + 64`` characters are looked at, so that the cost has a bound.
    """
    return shortened(visible(text[: 4 * limit + 64]), limit)


def shortened(text: str, limit: int) -> str:
    """The text, or its beginning and "…" in ``limit`` characters; no emoji or marked letter is cut in two."""
    if len(text) <= limit:
        return text
    end = limit - 1
    while end > 0 and _belongs_to_the_one_before(text, end):
        end -= 1
    return text[: end or limit - 1].rstrip() + "…"


def _belongs_to_the_one_before(text: str, place: int) -> bool:
    character = text[place]
    return (
        character in (_JOINER, _EMOJI_STYLE)
        or _is_skin_tone(character)
        or text[place - 1] == _JOINER
        or unicodedata.category(character).startswith("M")
    )
