"""JSON as RFC 8259 has it, within bounds: no NaN, no Infinity, no number beyond a double, no deep nesting.

The standard parser takes all of these and the trouble then shows elsewhere (an error body that cannot be
encoded, a RecursionError), so they are refused here wherever they stand in the body.
"""

import json
import math
import re
from typing import NoReturn

MAX_DEPTH = 32
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A string, even one that never ends, or a bracket. An unclosed string must match too: else the search would
begin anew at each of its escaped quotes, and 64 KiB of them would hold the event loop for 14 seconds."""
_MAX_DIGITS = 400
"""Longer integers are beyond a double (309 digits) in any case and slow to convert."""


class MalformedJson(ValueError):
    """The bytes are not JSON within the bounds; the message names the reason, never the input."""


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON")


def _finite(literal: str) -> float:
    value = float(literal)
    if math.isinf(value):
        raise MalformedJson("a number is beyond a double")
    return value


def _integer(literal: str) -> int:
    if len(literal) > _MAX_DIGITS:
        raise MalformedJson("a number is beyond a double")
    _finite(literal)
    return int(literal)


def _check_depth(text: str) -> None:
    depth = 0
    for match in _STRUCTURE.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedJson(f"nested deeper than {MAX_DEPTH}")
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
        raise MalformedJson("the body is not UTF-8") from None
    _check_depth(text)
    try:
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg} at character {error.pos}") from None
