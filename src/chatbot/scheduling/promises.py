"""The Retry-After values given out: who was told to come back when.

Without this book every refused client would be told the same moment, and all but the first of those who come
back then would be refused again. So whoever was told to come back counts as one more request that waits.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from chatbot.scheduling.tuning import MOST_PROMISES, PROMISE_EARLY, PROMISE_GRACE, RETURN_LEARNING


@dataclass(frozen=True, slots=True, order=True)
class Promise:
    """Whoever comes back when told will be let in."""

    due: float
    """Monotonic seconds of the moment."""
    caller: str
    """To whom it was made."""
    service: str
    """What it asked: its request counts as a usual one of this service."""

    def has_come(self, now: float) -> bool:
        """Whether the caller may be here now."""
        return self.due <= now + PROMISE_EARLY


class Promises:
    """Open promises, at most one of a caller."""

    def __init__(self) -> None:
        self._by_due: list[Promise] = []
        self._by_caller: dict[str, Promise] = {}
        self._by_service: Counter[str] = Counter()
        self._returning = 1.0

    def of(self, caller: str, now: float) -> Promise | None:
        """The caller's promise; those whose callers stayed away are forgotten."""
        while self._by_due and self._by_due[0].due + PROMISE_GRACE < now:
            self._remove(self._by_due[0])
            self._returning -= RETURN_LEARNING * self._returning
        return self._by_caller.get(caller)

    def expected(self, amount: Callable[[str], float], own: Promise | None) -> float:
        """What those will bring who probably come back, where a request of a service brings ``amount``.

        Without ``own``, whose caller is here.
        """
        total = sum(count * amount(service) for service, count in self._by_service.items())
        return self._returning * (total - (amount(own.service) if own else 0.0))

    def give(self, promise: Promise) -> bool:
        """Note a promise; False if the book is full."""
        if len(self._by_due) >= MOST_PROMISES:
            return False
        insort(self._by_due, promise)
        self._by_caller[promise.caller] = promise
        self._by_service[promise.service] += 1
        return True

    def claim(self, caller: str, now: float) -> None:
        """The caller came back, if it was told to."""
        promise = self.of(caller, now)
        if promise is not None:
            self._remove(promise)
            self._returning += RETURN_LEARNING * (1.0 - self._returning)

    def _remove(self, promise: Promise) -> None:
        del self._by_due[bisect_left(self._by_due, promise)]
        del self._by_caller[promise.caller]
        self._by_service[promise.service] -= 1
