"""How many questions of one API key are under way, whoever of its users asks them.

The limit of one user is the model's door's; this one keeps a front end with many users from taking the whole
service.
"""

import math
from collections import Counter
from collections.abc import AsyncGenerator, Callable

from chatbot.domain.access import KeyEntry
from chatbot.domain.errors import Overloaded
from chatbot.domain.messages import Conversation, GenerationEvent, Sampling
from chatbot.domain.models import Place

_FIRST_GUESS_SECONDS = 10.0


class KeyShares:
    """Counts by the key's name. ``mean_seconds`` tells how long an answer takes, 0 before the first."""

    def __init__(self, mean_seconds: Callable[[], float]) -> None:
        self._mean_seconds = mean_seconds
        self._under_way: Counter[str] = Counter()

    def enter(self, key: KeyEntry | None, waiting: int) -> Callable[[], None]:
        """Count a question of the key and return what ends it; ``waiting`` is the queue that a refusal tells.

        Raises:
            Overloaded: the key's limit is reached; the wait is until one of its questions is likely to end.
        """
        if key is None:
            return lambda: None
        name, held = key.name, self._under_way[key.name]
        if key.limit is not None and held >= key.limit:
            mean = self._mean_seconds() or _FIRST_GUESS_SECONDS
            raise Overloaded(max(1, math.ceil(mean / held)), waiting, "the key's share is full")
        self._under_way[name] += 1

        def leave() -> None:
            self._under_way[name] -= 1
            if not self._under_way[name]:
                del self._under_way[name]

        return leave


class SharedPlace:
    """A place that gives its key's share back when it is given up."""

    def __init__(self, place: Place, leave: Callable[[], None]) -> None:
        self._place = place
        self._leave = leave
        self._released = False

    def generate(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[GenerationEvent, None]:
        """See Place."""
        return self._place.generate(conversation, sampling)

    def release(self) -> None:
        """See Place."""
        self._place.release()
        if not self._released:
            self._released = True
            self._leave()
