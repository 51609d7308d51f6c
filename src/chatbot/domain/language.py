"""Which of the two languages of the suite a text is in: it decides labels, messages and search order."""

from typing import Literal

Language = Literal["ko", "en"]


def is_hangul(character: str) -> bool:
    """Whether the character is a Hangul syllable or letter (Unicode blocks AC00, 1100, 3130)."""
    return "가" <= character <= "힣" or "ᄀ" <= character <= "ᇿ" or "\u3130" <= character <= "\u318f"


_LOOKED_AT = 8192
"""Characters of a text by which its language is judged: more than a character's card has."""


def language_of(text: str) -> Language:
    """ "ko" unless the text has letters and fewer than one in ten of them is Hangul: Korean comes first.

    Of a long text the beginning counts.
    """
    letters = [character for character in text[:_LOOKED_AT] if character.isalpha()]
    hangul = sum(map(is_hangul, letters))
    return "ko" if not letters or hangul * 10 >= len(letters) else "en"
