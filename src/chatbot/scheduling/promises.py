"""The Retry-After values given out: who was told to come back when, and how much work that will be.

Without this book every refused client would be told the same moment, and all but the first of those who come
back then would be refused again. So a place is looked for in the time to come: the queue as it is now, which
shrinks second by second and grows at the moment of each promise by the work of who was told to come then, in
proportion to how many really do. Whoever fits into a gap may have it: no promise keeps the engine idle.
"""

import math
from bisect import insort
from collections import deque
from dataclasses import dataclass

_GRACE = 10.0
"""Seconds after its moment that a promise is kept."""

_EARLY = 0.75
"""Seconds that a client may be early: its clock and ours, and what the network takes."""

_LIMIT = 2048
_LEARNING = 0.01


@dataclass(frozen=True, slots=True)
class Promise:
    """``caller`` may come back at ``due`` (monotonic) with work of so many full steps of the engine.

    In steps, since the engine may be slower by then than when the promise was made.
    """

    caller: str
    due: float
    steps: float

    def has_come(self, now: float) -> bool:
        """Whether the caller may be here now."""
        return self.due <= now + _EARLY


@dataclass(frozen=True, slots=True)
class Room:
    """Seconds of work: waiting now, and the most that those told to come back and the asking one may meet.

    ``step`` is what a full step of the engine takes now.
    """

    queue: float
    most: float
    own_most: float
    step: float


class Promises:
    """Open promises in the order of their moments."""

    def __init__(self) -> None:
        self._open: deque[Promise] = deque()
        self._kept = 1.0

    def of(self, caller: str, now: float) -> Promise | None:
        """The caller's next promise."""
        self._forget(now)
        return next((promise for promise in self._open if promise.caller == caller), None)

    def none_but(self, own: Promise | None, now: float) -> bool:
        """Whether nobody else was told to come back."""
        self._forget(now)
        return len(self._open) <= (own is not None)

    def seconds_until_place(self, work: float, now: float, room: Room, own: Promise | None) -> float:
        """Seconds until a request of so much work is early enough and makes nobody too late; 0 is now.

        ``own`` is the promise that it would give up. Source of the recursion: Lindley's equation of a queue
        with one server.
        """
        self._forget(now)
        begins, loads, idle = [now], [room.queue], list[float]()
        at, load = now, room.queue
        checks = []
        for promise in self._open:
            if promise is own:
                continue
            passed = max(0.0, promise.due - at)
            idle.append(max(0.0, passed - load))
            load = max(0.0, load - passed)
            checks.append(room.most - load)
            at += passed
            load += self._kept * promise.steps * room.step
            begins.append(at)
            loads.append(load)
        # From the last to the first: work that may still be added before each promise.
        spare = [math.inf] * len(begins)
        for index in reversed(range(len(checks))):
            spare[index] = min(checks[index], spare[index + 1]) + idle[index]
        for index, (begin, load) in enumerate(zip(begins, loads, strict=True)):
            early = begin + max(0.0, load - room.own_most)
            last = index + 1 == len(begins)
            if spare[index] >= work and (last or early <= begins[index + 1]):
                return early - now
        raise RuntimeError("there is always a place behind the last promise")

    def give(self, promise: Promise) -> None:
        """Note a refusal; a full book takes no more, so that what it holds stays true."""
        if len(self._open) < _LIMIT:
            insort(self._open, promise, key=lambda entry: entry.due)

    def claim(self, promise: Promise) -> None:
        """The caller came back."""
        self._open.remove(promise)
        self._kept += _LEARNING * (1.0 - self._kept)

    def _forget(self, now: float) -> None:
        while self._open and self._open[0].due + _GRACE < now:
            self._open.popleft()
            self._kept -= _LEARNING * self._kept
