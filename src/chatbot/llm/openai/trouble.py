"""An upstream failure with what the retry loop must know, apart from the vendor's library."""

import random

from chatbot.domain.errors import ChatbotError

ATTEMPTS = 3
"""Tries of one request, the first included; only while no text has reached the client."""

LONGEST_PAUSE = 8.0
"""Seconds that a user is made to wait for another try; a longer Retry-After is passed on instead."""

_FIRST_PAUSE = 0.5


class UpstreamTrouble(Exception):
    """``error`` is what the suite says of it; ``passing`` whether another try may help.

    ``retry_after`` is seconds if upstream named a time.
    """

    def __init__(self, error: ChatbotError, *, passing: bool, retry_after: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.passing = passing
        self.retry_after = retry_after


def pause_before(attempt: int, trouble: UpstreamTrouble, seconds_left: float) -> float | None:
    """Seconds to wait before try number ``attempt`` (from 2), or None to give up."""
    if not trouble.passing or attempt > ATTEMPTS:
        return None
    pause = trouble.retry_after
    if pause is None:
        pause = _FIRST_PAUSE * 2 ** (attempt - 2) * random.uniform(0.75, 1.25)  # noqa: S311 (jitter)
    return pause if pause <= LONGEST_PAUSE and pause < seconds_left else None
