"""The Retry-After values given out: who was told to come back when, and how much work that will be.

Without this book every refused client would be told the same moment, and all but the first of those who come
back then would be refused again. So each refusal counts as work ahead of the next, and of newcomers too;
the one who comes back in time finds the place kept, and the one who comes early is told the rest of the time.
"""

from collections import deque
from dataclasses import dataclass

_GRACE = 10.0
"""Seconds after its moment that a promise is kept."""

_EARLY = 0.75
"""Seconds that a client may be early: its clock and ours, and the rounding to whole seconds."""

_LIMIT = 2048


@dataclass(frozen=True, slots=True)
class Promise:
    """``caller`` may come back at ``due`` (monotonic) with ``work`` seconds of the engine's time."""

    caller: str
    due: float
    work: float


class Promises:
    """Promises in the order of their moments."""

    def __init__(self) -> None:
        self._open: deque[Promise] = deque()

    def work(self, now: float) -> float:
        """Seconds of engine time that are promised and not yet claimed or forfeited."""
        self._forget(now)
        return sum(promise.work for promise in self._open)

    def __len__(self) -> int:
        return len(self._open)

    def due(self, caller: str, now: float) -> Promise | None:
        """The caller's first promise whose moment has come."""
        return next((p for p in self._open if p.caller == caller and p.due <= now + _EARLY), None)

    def work_before(self, promise: Promise, now: float) -> float:
        """Promised work that comes before this promise."""
        self._forget(now)
        return sum(other.work for other in self._open if other.due < promise.due)

    def give(self, promise: Promise) -> None:
        """Note a refusal."""
        self._open.append(promise)
        if len(self._open) > 1 and self._open[-2].due > promise.due:
            self._open = deque(sorted(self._open, key=lambda entry: entry.due))
        if len(self._open) > _LIMIT:
            self._open.popleft()

    def claim(self, promise: Promise) -> None:
        """The caller is back and was admitted."""
        self._open.remove(promise)

    def early(self, caller: str, now: float) -> Promise | None:
        """The caller's next promise whose moment is still to come, if it returned too early."""
        self._forget(now)
        return next((p for p in self._open if p.caller == caller), None)

    def _forget(self, now: float) -> None:
        while self._open and self._open[0].due + _GRACE < now:
            self._open.popleft()
