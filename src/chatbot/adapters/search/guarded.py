"""A provider behind its breaker: asking it always ends in a typed result that has been counted."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from chatbot.adapters.search.breaker import Breaker
from chatbot.adapters.search.provider import Provider, ProviderFailed
from chatbot.adapters.search.sanitise import sanitise
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome, SearchResult

_log = logging.getLogger(__name__)

OnOutcome = Callable[[str, SearchOutcome], None]

HITS = 5
"""Results that reach a prompt at most."""

_ASKED_FOR = 8
"""Results asked of a provider: some fall out as doubles or unusable."""


class Guarded:
    """One provider with its record and its time limit (seconds)."""

    def __init__(self, provider: Provider, breaker: Breaker, on_outcome: OnOutcome, timeout: float) -> None:
        self._provider = provider
        self._breaker = breaker
        self._on_outcome = on_outcome
        self._timeout = timeout

    @property
    def name(self) -> str:
        """The provider's name."""
        return self._provider.name

    @property
    def ready(self) -> bool:
        """Whether it may be asked now."""
        return self._breaker.ready()

    @property
    def unready_result(self) -> SearchResult:
        """What to say of it while it may not be asked: why it was put aside."""
        return SearchResult(self._breaker.last_failure, self.name)

    async def ask(self, query: str, language: Language) -> SearchResult:
        """Ask it once; every failure, foreseen or not, is an outcome."""
        self._breaker.begin()
        try:
            async with asyncio.timeout(self._timeout):
                raw = await self._provider.search(query, language, _ASKED_FOR)
        except asyncio.CancelledError:
            self._breaker.abandoned()
            raise
        except ProviderFailed as failure:
            return self._failed(failure.outcome, str(failure), failure.retry_after)
        except TimeoutError:
            return self._failed(SearchOutcome.TIMEOUT, "no answer in time")
        except Exception as error:  # noqa: BLE001 (a provider's surprise must not cost the answer)
            # The class alone: a message may hold the query or a key.
            return self._failed(SearchOutcome.ERROR, type(error).__name__)
        hits = sanitise(raw, HITS)
        if raw and not hits:
            return self._failed(SearchOutcome.ERROR, "no usable result")
        self._breaker.succeeded()
        outcome = SearchOutcome.OK if hits else SearchOutcome.EMPTY
        self._on_outcome(self.name, outcome)
        return SearchResult(outcome, self.name, hits, datetime.now(UTC))

    def late(self) -> None:
        """It was still silent when the search ended without it; that counts as a timeout."""
        self._failed(SearchOutcome.TIMEOUT, "beaten or out of budget")

    def _failed(self, outcome: SearchOutcome, reason: str, retry_after: float | None = None) -> SearchResult:
        self._breaker.failed(outcome, retry_after)
        self._on_outcome(self.name, outcome)
        _log.warning(
            "search_provider_failed",
            extra={"provider": self.name, "outcome": outcome.value, "reason": reason},
        )
        return SearchResult(outcome, self.name)
