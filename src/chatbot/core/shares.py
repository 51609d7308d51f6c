"""How many answers to one API key are under way, whoever of its users asks.

The limit of one user is the model's own; this one keeps a front end with many users from taking the whole
service.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chatbot.domain.access import KeyEntry
from chatbot.domain.errors import Overloaded, TooManyAnswers

_FIRST_GUESS_SECONDS = 10.0
"""How long an answer takes as long as none was measured."""


class KeyShares:
    """Counts by the key's name. ``mean_seconds`` tells how long an answer takes, 0 before the first."""

    def __init__(self, mean_seconds: Callable[[], float]) -> None:
        self._mean_seconds = mean_seconds
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def held(self, key: KeyEntry | None, answers: int, waiting: int) -> Iterator[None]:
        """Count so many answers to the key for as long as the context lasts; None counts nothing.

        ``waiting`` is the queue that a refusal tells.

        Raises:
            Overloaded: the key's limit is reached; the wait is until enough of its answers are likely to end.
            TooManyAnswers: the limit is below what is asked for.
        """
        if key is None:
            yield
            return
        under_way = self._under_way[key.name]
        if key.limit is not None and under_way + answers > key.limit:
            if answers > key.limit:
                raise TooManyAnswers(key.limit)
            mean = self._mean_seconds() or _FIRST_GUESS_SECONDS
            ending = under_way + answers - key.limit
            raise Overloaded(mean * ending / under_way, waiting, "the key's share is full")
        self._under_way[key.name] += answers
        try:
            yield
        finally:
            self._under_way[key.name] -= answers
            if not self._under_way[key.name]:
                del self._under_way[key.name]
