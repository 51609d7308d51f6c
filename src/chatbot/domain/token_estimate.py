"""Counting tokens where no tokenizer is at hand, or where the count must not depend on the model."""

from math import ceil

CHARS_PER_TOKEN = 16
"""Several times what a token has in any language: what has more for each token needs no counting."""


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few.

    A quarter to a third of the Latin letters, one for each Korean syllable.
    """
    latin = sum(character < "\u0250" for character in text)
    return ceil(0.3 * latin) + len(text) - latin
