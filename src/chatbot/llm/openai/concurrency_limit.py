"""How many requests may be with upstream at once, of everybody and of one caller."""

from collections import Counter
from collections.abc import Hashable

from chatbot.domain.errors import Overloaded

_FIRST_GUESS_SECONDS = 10.0
_SMOOTHING = 0.2


class ConcurrencyLimit:
    """Counts places. There is no queue here: upstream has its own, so what does not fit is refused.

    A caller holds at most a quarter of all places. Waits are told from the measured length of requests.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._share = max(1, places // 4)
        self._held: Counter[str] = Counter()
        self._waiting: Counter[Hashable] = Counter()
        self._mean_seconds = _FIRST_GUESS_SECONDS

    def enter(self, caller: str, queue: Hashable) -> None:
        """Take a place; until ``begin`` it counts as waiting in ``queue``.

        Raises:
            Overloaded: all places, or the caller's share of them, are taken.
        """
        held, total = self._held[caller], self._held.total()
        if total >= self._places:
            raise Overloaded(self._wait(total), self._waiting.total(), "all places at upstream are taken")
        if held >= self._share:
            raise Overloaded(self._wait(held), self._waiting.total(), "the caller's share is taken")
        self._held[caller] += 1
        self._waiting[queue] += 1

    def begin(self, queue: Hashable) -> None:
        """The request of a place goes out."""
        self._waiting[queue] -= 1

    def leave(self, caller: str, seconds: float | None) -> None:
        """Give a place back; ``seconds`` is how long a completed request took, None for any other."""
        self._held[caller] -= 1
        if self._held[caller] <= 0:
            del self._held[caller]
        if seconds is not None:
            self._mean_seconds += _SMOOTHING * (seconds - self._mean_seconds)

    def waiting(self, queue: Hashable) -> int:
        """Places of the queue whose request has not gone out yet."""
        return self._waiting[queue]

    def _wait(self, under_way: int) -> float:
        """Seconds until the first of so many requests is likely to end."""
        return self._mean_seconds / under_way
