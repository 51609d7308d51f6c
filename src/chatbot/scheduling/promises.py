"""The Retry-After values given out: who was told to come back when, and how much work that will be.

Without this book every refused client would be told the same moment, and all but the first of those who come
back then would be refused again. So a place is looked for in the time to come: the queue as it is now, which
shrinks second by second and grows at the moment of each promise by the work of who was told to come then, in
proportion to how many really do. Whoever fits into a gap may have it: no promise keeps the engine idle.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass, field

from chatbot.scheduling.tuning import (
    MOST_PROMISES,
    PROMISE_EARLY,
    PROMISE_GRACE,
    RETURN_LEARNING,
)


@dataclass(frozen=True, slots=True)
class Promise:
    """``caller`` may come back at ``due`` (monotonic) with work of so many full steps of the engine.

    In steps, since the engine may be slower by then than when the promise was made.
    """

    caller: str
    due: float
    steps: float

    @property
    def second(self) -> int:
        """The second in which it is due, from whose beginning its room is kept."""
        return math.floor(self.due)

    def has_come(self, now: float) -> bool:
        """Whether the caller may be here now."""
        return self.due <= now + PROMISE_EARLY


@dataclass(frozen=True, slots=True)
class Headroom:
    """Seconds of work: waiting now, and the most that those told to come back and the asking one may meet.

    ``step`` is what a full step of the engine takes now.
    """

    queue: float
    most: float
    own_most: float
    step: float


@dataclass(slots=True)
class _Second:
    """Those who were told to come in one second, and their work in steps."""

    at: int
    steps: float = 0.0
    callers: set[str] = field(default_factory=set)


class Promises:
    """Open promises, at most one of a caller, by the second in which they are due.

    By the second, since each refusal walks through them all, and under lasting overload thousands are open.
    """

    def __init__(self) -> None:
        self._seconds: list[_Second] = []
        self._by_caller: dict[str, Promise] = {}
        self._kept = 1.0

    def of(self, caller: str, now: float) -> Promise | None:
        """The caller's promise."""
        self._forget(now)
        return self._by_caller.get(caller)

    def none_but(self, own: Promise | None, now: float) -> bool:
        """Whether nobody else was told to come back."""
        self._forget(now)
        return len(self._by_caller) <= (own is not None)

    def seconds_until_place(self, work: float, now: float, room: Headroom, own: Promise | None) -> float:
        """Seconds until a request of so much work is early enough and makes nobody too late; 0 is now.

        ``own`` is the promise that it would give up. Source of the recursion: Lindley's equation of a queue
        with one server.
        """
        self._forget(now)
        begins, loads, idle = [now], [room.queue], list[float]()
        at, load = now, room.queue
        checks = []
        for second in self._seconds:
            steps = second.steps - own.steps if own and second.at == own.second else second.steps
            passed = max(0.0, second.at - at)
            idle.append(max(0.0, passed - load))
            load = max(0.0, load - passed)
            checks.append(room.most - load)
            at += passed
            load += self._kept * steps * room.step
            begins.append(at)
            loads.append(load)
        # From the last to the first: work that may still be added before each second.
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
        if len(self._by_caller) >= MOST_PROMISES:
            return
        self._by_caller[promise.caller] = promise
        place = self._place(promise)
        if place == len(self._seconds) or self._seconds[place].at != promise.second:
            self._seconds.insert(place, _Second(promise.second))
        self._seconds[place].steps += promise.steps
        self._seconds[place].callers.add(promise.caller)

    def claim(self, promise: Promise) -> None:
        """The caller came back."""
        del self._by_caller[promise.caller]
        place = self._place(promise)
        self._seconds[place].steps -= promise.steps
        self._seconds[place].callers.remove(promise.caller)
        if not self._seconds[place].callers:
            del self._seconds[place]
        self._kept += RETURN_LEARNING * (1.0 - self._kept)

    def _place(self, promise: Promise) -> int:
        return bisect_left(self._seconds, promise.second, key=lambda second: second.at)

    def _forget(self, now: float) -> None:
        while self._seconds and self._seconds[0].at + PROMISE_GRACE < now:
            for caller in self._seconds.pop(0).callers:
                del self._by_caller[caller]
                self._kept -= RETURN_LEARNING * self._kept
