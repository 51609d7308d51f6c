"""A provider that fails is left alone for a while, so that no question waits for it again and again."""

from collections.abc import Callable

from chatbot.domain.search import SearchOutcome

FAILURES_TO_OPEN = 3
"""Timeouts and errors in a row; a refusal (limit, block, credentials) opens at once."""

_FIRST_PAUSE = {
    SearchOutcome.RATE_LIMITED: 60.0,
    SearchOutcome.BLOCKED: 300.0,
    SearchOutcome.AUTH: 600.0,
    SearchOutcome.TIMEOUT: 30.0,
    SearchOutcome.ERROR: 30.0,
}
_AT_ONCE = (SearchOutcome.RATE_LIMITED, SearchOutcome.BLOCKED, SearchOutcome.AUTH)
_LONGEST_PAUSE = 3600.0
_LONGEST_RETRY_AFTER = 86400.0


class Breaker:
    """One provider's record. After a pause one question is let through; its end decides.

    ``clock`` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._openings = 0
        self._open_until = 0.0
        self._probing = False
        self.last_failure = SearchOutcome.ERROR

    def ready(self) -> bool:
        """Whether the provider may be asked now."""
        return self._clock() >= self._open_until and not self._probing

    def begin(self) -> None:
        """The provider is being asked; after a pause nobody else asks until that ends."""
        self._probing = self._openings > 0

    def succeeded(self) -> None:
        """It answered, if only that there is nothing."""
        self._failures = self._openings = 0
        self._probing = False

    def abandoned(self) -> None:
        """The question was withdrawn; that says nothing about the provider."""
        self._probing = False

    def failed(self, outcome: SearchOutcome, retry_after: float | None = None) -> None:
        """It failed; ``retry_after`` is how long it wants to be left alone, seconds."""
        self._probing = False
        self._failures += 1
        self.last_failure = outcome
        if outcome not in _AT_ONCE and self._failures < FAILURES_TO_OPEN and not self._openings:
            return
        pause = min(_FIRST_PAUSE[outcome] * 2**self._openings, _LONGEST_PAUSE)
        if retry_after is not None:
            pause = min(max(retry_after, 1.0), _LONGEST_RETRY_AFTER)
        self._openings = min(self._openings + 1, 10)
        self._open_until = self._clock() + pause
