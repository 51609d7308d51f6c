"""Signals that ask a run to end: noted instead of died of, so that what was measured is still merged."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextmanager
def interruptible() -> Iterator[list[int]]:
    """Collects the numbers of the signals that came. One asks to finish, a second one not to wait."""
    caught: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        caught.append(number)

    earlier = {number: signal.signal(number, note) for number in _ENDING}
    try:
        yield caught
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
