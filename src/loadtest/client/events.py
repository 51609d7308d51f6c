"""Reads Server-Sent Events from pieces of a response body, whatever their boundaries."""

import json
from collections.abc import Iterable, Iterator
from typing import Any


def read_events(pieces: Iterable[bytes]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields (event name, its JSON data) as soon as each event is complete; comments are skipped.

    Raises ValueError when the data is not a JSON object.
    """
    name = "message"
    data: list[str] = []
    for line in _lines(pieces):
        if not line:
            if data:
                value = parse_json("\n".join(data))
                if not isinstance(value, dict):
                    raise ValueError("event data is not an object")
                yield name, value
            name, data = "message", []
            continue
        label, _, rest = line.partition(":")
        rest = rest.removeprefix(" ")
        if label == "event":
            name = rest
        elif label == "data":
            data.append(rest)


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text as the standard has it: no NaN, no Infinity, no bottomless nesting.

    Raises ValueError.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Whole lines; an unfinished last line is dropped, as the standard says."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode("utf-8", errors="replace")
