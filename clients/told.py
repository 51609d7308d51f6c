"""What every client's driver does the same: run its operations and say of each what came of it.

A driver is a program of its own, ``python -m clients.DRIVER BASE_URL``, since clients have another
environment than the suite. It needs nothing but the standard library and its client, and prints a line of
JSON for each operation.
"""

import json
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any

OPERATIONS = (
    "list",
    "chat",
    "stream",
    "stop early",
    "JSON schema",
    "forced tool",
    "tools, auto",
    "continue",
    "200 turns",
)
"""What is asked of every client, in the order of the table."""

TURNS = 200
QUESTION = "안녕하세요! 한 문장으로 답해 주세요."
ENDLESS = "1, 2, 3, 4, 5, 6 다음 숫자를 계속 써 주세요."
"""What the small model goes on with until its limit."""

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 40}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
"""Held to it, the smallest model ends its text, too."""

FUNCTION = {"name": "weather", "description": "The weather of a city.", "parameters": SCHEMA}
TOOL = {
    "type": "function",
    "function": FUNCTION,
}

Operation = Callable[[str], str | None]
"""Takes the base address, returns a remark; raises when the client did not get what it should."""

_had: dict[str, Operation] = {}
"""What the driver's client has of the operations."""


def turn_of(number: int) -> str:
    """The question of one of the many turns."""
    return f"{number}번째 질문입니다. 다음은 무엇인가요?"


def operation(name: str) -> Callable[[Operation], Operation]:
    """Decorates what a driver's client does in the operation of this name."""
    check(name in OPERATIONS, f"there is no operation {name}")

    def had(does: Operation) -> Operation:
        _had[name] = does
        return does

    return had


def run() -> None:
    """Run the operations that the client has, and print what came of each."""
    base = sys.argv[1]
    for name in OPERATIONS:
        told: dict[str, Any] = {"operation": name, "outcome": "absent", "detail": ""}
        if does := _had.get(name):
            try:
                told |= {"outcome": "ok", "detail": does(base) or ""}
            except Exception as error:  # noqa: BLE001 (whatever the client raises is what came of it)
                told |= verdict(error)
        print(json.dumps(told, ensure_ascii=False), flush=True)


def verdict(error: BaseException) -> dict[str, str]:
    """A failure, by what the client raised and what that came from."""
    texts: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(texts) < 5:
        texts.append(f"{type(cause).__name__}: {cause}")
        cause = cause.__cause__ or cause.__context__
    return {"outcome": "failed", "detail": " | ".join(texts)[:600]}


def check(holds: object, said: str) -> None:
    """Raise with what was expected, unless it holds."""
    if not holds:
        raise AssertionError(said)


def counters(base: str) -> dict[str, Any]:
    """What the service counts."""
    address = base.removesuffix("/v1") + "/performance"
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 (the address is the suite's own)
        told: dict[str, Any] = json.load(answer)
    return told


def leaves_early(base: str, leave: Callable[[], None]) -> str:
    """Call ``leave``, which gives up a stream; the service has to notice within two seconds."""
    before = counters(base)["cancelled_requests"]
    leave()
    left = time.monotonic()
    while counters(base)["cancelled_requests"] == before:
        check(time.monotonic() - left < 2, "the service goes on for two seconds")
        time.sleep(0.02)
    return f"stopped after {time.monotonic() - left:.2f} s"


def check_schema(data: object) -> None:
    """Check that the data fit SCHEMA."""
    fits = (
        isinstance(data, dict)
        and set(data) == {"city", "people"}
        and isinstance(data["city"], str)
        and isinstance(data["people"], int)
    )
    check(fits, f"not of the schema: {data!r}")
