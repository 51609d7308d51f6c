"""The port to web search: a typed outcome instead of an empty list that could mean anything."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class SearchOutcome(StrEnum):
    """How a search ended; BLOCKED covers a CAPTCHA page that pretends to be a result."""

    OK = "ok"
    EMPTY = "empty"
    RATE_LIMITED = "rate_limited"
    BLOCKED = "blocked"
    AUTH = "auth"
    TIMEOUT = "timeout"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One sanitised result: plain text, an http(s) address, no markup and no control characters."""

    title: str
    url: str
    snippet: str


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search brought. ``provider`` is the one that answered, or the last that was asked."""

    outcome: SearchOutcome
    provider: str
    hits: tuple[SearchHit, ...] = ()
    retrieved_at: datetime | None = None


class WebSearch(Protocol):
    """Search the web; a failure is an outcome, never an exception."""

    async def search(self, query: str, language: str, budget: float) -> SearchResult:
        """Search for ``query`` in ``language`` ("ko" or "en") within ``budget`` seconds in all."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
