"""Regular expressions as keys of lorebooks: a stranger writes them, and every question searches for them.

The engine is Rust's ``regex``, which pydantic brings: linear in time, no look-around, no references back.
What still makes a short one large is refused here: counted repetitions, and more than ``MOST_CLASSES``
classes of characters, each of which is hundreds of ranges. One that is left compiles within 20 ms, most
within 1 ms, and is searched for within 7 ms; meanwhile no other thread runs. None is kept: what a search has
built may be megabytes.
"""

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

MOST_CLASSES = 8
"""Sets in brackets, and classes as ``\\w`` or ``\\p{L}``, of one expression."""

SEARCHED_CHARS = 4000
"""The newest characters that are searched: an expression may take 2 µs for each."""

_WRITTEN = re.compile(r"/(?:[^/\\]|\\.)+/[gimsuy]*", re.DOTALL)
_PIECES = re.compile(r"\\[pPxuU]\{[^{}]*\}|\\.|.", re.DOTALL)
"""An escape with its braces, another escape, or a character."""

_CLASSES = frozenset("wWdDsSpP")


def is_written(key: str) -> bool:
    """Whether a key has the form ``/…/flags``, by which front ends tell expressions from words."""
    return _WRITTEN.fullmatch(key.strip()) is not None


@lru_cache(maxsize=4096)
def searchable(key: str) -> bool:
    """Whether an expression, bare or as ``/…/flags``, can be searched for here."""
    return _compiled(key) is not None


def found(key: str, said: str) -> bool:
    """Whether an expression stands in the newest part of ``said``; False for one that is not searchable."""
    compiled = _compiled(key)
    if compiled is None:
        return False
    try:
        compiled.validate_python(said[-SEARCHED_CHARS:])
    except ValidationError:
        return False
    return True


def _compiled(key: str) -> SchemaValidator | None:
    pattern, flags = key.strip(), ""
    if pattern.startswith("/") and pattern.rfind("/") > 0:
        pattern, _, flags = pattern[1:].rpartition("/")
        pattern = pattern.replace("\\/", "/")
    if not pattern or set(flags) - set("gimsu") or not _stays_small(pattern):
        return None
    inner = "".join(sorted(set(flags) & set("ims")))
    try:
        return SchemaValidator(
            core_schema.str_schema(
                pattern=f"(?{inner}){pattern}" if inner else pattern, regex_engine="rust-regex"
            )
        )
    except SchemaError:
        return None


def _stays_small(pattern: str) -> bool:
    """Whether what the pattern becomes is in proportion to its length.

    A brace that is not part of an escape may count repetitions, with white space in it too.
    """
    pieces: list[str] = _PIECES.findall(pattern)
    classes = sum(piece == "[" or (piece[0] == "\\" and piece[1:2] in _CLASSES) for piece in pieces)
    return "{" not in pieces and classes <= MOST_CLASSES
