"""How many questions of one API key are under way, whoever of its users asks them.

The limit of one user is the model's own; this one keeps a front end with many users from taking the whole
service.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chatbot.domain.access import KeyEntry
from chatbot.domain.errors import Overloaded

_FIRST_GUESS_SECONDS = 10.0
"""How long an answer takes as long as none was measured."""


class KeyShares:
    """Counts by the key's name. ``mean_seconds`` tells how long an answer takes, 0 before the first."""

    def __init__(self, mean_seconds: Callable[[], float]) -> None:
        self._mean_seconds = mean_seconds
        self._under_way: Counter[str] = Counter()

    @contextmanager
    def held(self, key: KeyEntry | None, waiting: int) -> Iterator[None]:
        """Count a question of the key for as long as the context lasts; None counts nothing.

        ``waiting`` is the queue that a refusal tells.

        Raises:
            Overloaded: the key's limit is reached; the wait is until one of its questions is likely to end.
        """
        if key is None:
            yield
            return
        under_way = self._under_way[key.name]
        if key.limit is not None and under_way >= key.limit:
            mean = self._mean_seconds() or _FIRST_GUESS_SECONDS
            raise Overloaded(max(1, math.ceil(mean / under_way)), waiting, "the key's share is full")
        self._under_way[key.name] += 1
        try:
            yield
        finally:
            self._under_way[key.name] -= 1
            if not self._under_way[key.name]:
                del self._under_way[key.name]
