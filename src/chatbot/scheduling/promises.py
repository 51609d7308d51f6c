"""The Retry-After values given out: who was told to come back when, and how much work that will be.

Without this book every refused client would be told the same moment, and all but the first of those who come
back then would be refused again. So each refusal counts as work ahead of the next refused and of newcomers,
in proportion to how many of those told to come back really do.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

_GRACE = 10.0
"""Seconds after its moment that a promise is kept."""

_EARLY = 0.75
"""Seconds that a client may be early: its clock and ours, and what the network takes."""

_LIMIT = 4096
_LEARNING = 0.05


@dataclass(frozen=True, slots=True)
class Promise:
    """``caller`` may come back at ``due`` (monotonic) with ``work`` seconds of the engine's time."""

    caller: str
    due: float
    work: float

    def has_come(self, now: float) -> bool:
        """Whether the caller may be here now."""
        return self.due <= now + _EARLY


class Promises:
    """Open promises in the order of their moments."""

    def __init__(self) -> None:
        self._open: deque[Promise] = deque()
        self._work = 0.0
        self._kept = 1.0

    def of(self, caller: str, now: float) -> Promise | None:
        """The caller's next promise."""
        self._forget(now)
        return next((promise for promise in self._open if promise.caller == caller), None)

    def work_before(self, promise: Promise | None, now: float) -> float:
        """Seconds of engine time expected to be claimed before this promise, or before a newcomer."""
        self._forget(now)
        if promise is None:
            return self._kept * self._work
        return self._kept * sum(other.work for other in self._before(promise))

    def callers_before(self, promise: Promise | None, now: float) -> float:
        """Callers expected to come back before this promise, or before a newcomer."""
        self._forget(now)
        number = len(self._open) if promise is None else sum(1 for _ in self._before(promise))
        return self._kept * number

    def give(self, promise: Promise) -> None:
        """Note a refusal; a full book takes no more, so that what it holds stays true."""
        if len(self._open) < _LIMIT:
            insort(self._open, promise, key=lambda entry: entry.due)
            self._work += promise.work

    def claim(self, promise: Promise) -> None:
        """The caller came back."""
        self._open.remove(promise)
        self._work -= promise.work
        self._kept += _LEARNING * (1.0 - self._kept)

    def _before(self, promise: Promise) -> Iterator[Promise]:
        return takewhile(lambda other: other.due < promise.due, self._open)

    def _forget(self, now: float) -> None:
        while self._open and self._open[0].due + _GRACE < now:
            self._work -= self._open.popleft().work
            self._kept -= _LEARNING * self._kept
