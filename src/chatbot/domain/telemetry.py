"""Where a service reports what happened to its questions, so that core needs no metrics library."""

from contextvars import ContextVar
from enum import StrEnum
from typing import Protocol

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered; the log puts it on every line."""


class Outcome(StrEnum):
    """How a validated question ended: every one ends in exactly one of these."""

    SUCCESSFUL = "successful"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class ServiceMeter(Protocol):
    """Counters and histograms of one service; all times are seconds."""

    def finished(self, outcome: Outcome, seconds: float) -> None:
        """A question ended this long after its arrival."""
        ...

    def passed_on(self) -> None:
        """A question was left to another process; it counts nowhere else here."""
        ...

    def first_token(self, seconds: float) -> None:
        """The first text of an answer left this long after the question's arrival."""
        ...

    def inter_token(self, seconds: float) -> None:
        """The time between two pieces of one answer."""
        ...

    def queued(self, seconds: float) -> None:
        """How long a question waited for its place."""
        ...

    def tokens(self, generated: int, computed: int, cached: int) -> None:
        """Tokens of one answer: generated ones, and prompt tokens computed and taken from the cache."""
        ...
