"""Which script a character belongs to: Hangul, Latin, Han, … by the Scripts data of Unicode (UAX 24).

Python's ``unicodedata`` does not know it. The table beside this module is made from Unicode's own file; its
first line says of which version and how.
"""

from bisect import bisect_right
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

Ranges = tuple[tuple[int, int], ...]
"""First and last code points."""


@cache
def script_ranges() -> Mapping[str, Ranges]:
    """The code points of each script, by Unicode's name of it, such as "Han" or "Old_Italic".

    Code points of no character are in none of them.
    """
    lines = files("chatbot.domain").joinpath("scripts.txt").read_text("utf-8").splitlines()
    scripts = {}
    for script, *ranges in (line.split() for line in lines if not line.startswith("#")):
        ends = (one.partition("-") for one in ranges)
        scripts[script] = tuple((int(first, 16), int(last or first, 16)) for first, _, last in ends)
    return scripts


@cache
def _in_order() -> tuple[list[int], list[tuple[int, str]]]:
    """The first code points of all ranges, ascending; and for each the last one, and whose it is."""
    ranges = sorted((first, last, script) for script, ends in script_ranges().items() for first, last in ends)
    return [first for first, _, _ in ranges], [(last, script) for _, last, script in ranges]


def script_of(character: str) -> str | None:
    """The character's script; None for what is no character yet, or for private use."""
    code = ord(character)
    firsts, rest = _in_order()
    place = bisect_right(firsts, code) - 1
    if place < 0:
        return None
    last, script = rest[place]
    return script if code <= last else None


def scripts_of(text: str) -> frozenset[str]:
    """The scripts of a text's characters; in a time that its different characters decide."""
    return frozenset(script for character in set(text) if (script := script_of(character)) is not None)
