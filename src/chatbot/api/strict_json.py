"""JSON as RFC 8259 has it, within bounds: no NaN, no Infinity, no number beyond a double, no name twice in an
object, no deep nesting, no more objects and arrays than any honest body has.

The standard parser takes all of these and the trouble then shows elsewhere (an error body that cannot be
encoded, a RecursionError), so they are refused here wherever they stand in the body.
"""

import json
import math
import re
from typing import NoReturn

MAX_DEPTH = 32
MAX_CONTAINERS = 50_000
"""Objects and arrays of a body: while the parser makes them, nothing else of the process runs."""

_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A string, even one that never ends, or a bracket. An unclosed string must match too: else the search would
begin anew at each of its escaped quotes, and 64 KiB of them would hold the event loop for 14 seconds."""
_MAX_DIGITS = 400
"""Longer integers are beyond a double (309 digits) in any case and slow to convert."""


class MalformedJson(ValueError):
    """The bytes are not JSON within the bounds. ``fault`` names the reason (utf8, constant, number, doubled,
    depth, size, syntax), ``position`` counts characters from 1 where reading stopped; no input is held.
    """

    def __init__(self, fault: str, position: int = 0) -> None:
        super().__init__(f"{fault} at {position}" if position else fault)
        self.fault = fault
        self.position = position


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedJson("constant")


def _finite(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise MalformedJson("number")
    return value


def _integer(literal: str) -> int:
    if len(literal) > _MAX_DIGITS:
        raise MalformedJson("number")
    _finite(literal)
    return int(literal)


def _unique(members: list[tuple[str, object]]) -> dict[str, object]:
    """An object; which of two equal names counts would depend on who reads it (RFC 8259 §4)."""
    named = dict(members)
    if len(named) < len(members):
        raise MalformedJson("doubled")
    return named


def _check_structure(text: str) -> None:
    depth = containers = 0
    for match in _STRUCTURE.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            containers += 1
            if depth > MAX_DEPTH:
                raise MalformedJson("depth")
            if containers > MAX_CONTAINERS:
                raise MalformedJson("size")
        elif mark in "]}":
            depth -= 1


def parse(data: bytes) -> object:
    """Parse a body.

    Raises:
        MalformedJson: bad UTF-8, bad JSON, or out of bounds.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedJson("utf8") from None
    _check_structure(text)
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except json.JSONDecodeError as error:
        raise MalformedJson("syntax", error.pos + 1) from None
