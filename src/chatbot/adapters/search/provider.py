"""What a search provider is: a name, one question, and failures that say what kind they are."""

from dataclasses import dataclass
from typing import Protocol

from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome


@dataclass(frozen=True, slots=True)
class RawHit:
    """One result as a provider words it: may hold markup, entities and anything else; see sanitise."""

    title: str
    url: str
    snippet: str


class ProviderFailed(Exception):
    """A provider did not answer properly. ``str()`` is for logs: no query, no key, no text of the answer.

    ``retry_after`` is seconds if the provider named a time.
    """

    def __init__(self, outcome: SearchOutcome, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.retry_after = retry_after


class Provider(Protocol):
    """One way to search the web."""

    @property
    def name(self) -> str:
        """Short ASCII name, as metrics and citations show it."""
        ...

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:
        """At most about ``limit`` results, best first; an empty list means that there truly are none.

        Raises:
            ProviderFailed: anything else than an answer.
        """
        ...
