"""WebSearch: redaction, cache and single flight around the race of the providers."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from chatbot.adapters.search.breaker import Breaker
from chatbot.adapters.search.cache import Cache, Flights
from chatbot.adapters.search.guarded import Guarded, OnOutcome
from chatbot.adapters.search.provider import Provider
from chatbot.adapters.search.race import Race, RaceTiming
from chatbot.domain.language import Language
from chatbot.domain.plaintext import compatible
from chatbot.domain.search import SearchOutcome, SearchResult

_QUERY_CHARS = 500
"""The longest query, as long as a question may be; one that was imported may have 256 KiB."""

_MARGIN = 100
"""More than any number has that is redacted: what a cut made of one stands behind the query."""


def query_of(text: str, redact: Callable[[str], str]) -> str:
    """What is searched for: the beginning of a text on one line, without what ``redact`` takes out."""
    looked_at = _QUERY_CHARS + _MARGIN
    safe = redact(text[:looked_at])
    if len(text) > looked_at:
        safe = safe[:-_MARGIN]
    return " ".join(compatible(safe).split())[:_QUERY_CHARS].rstrip()


class Chain:
    """Web search over ``providers``: by language, best first, the last resort last.

    ``on_outcome`` is told each provider's name and outcome, and "cache" when a stored result answered.
    ``release`` frees what the providers share. ``redact`` sees a query before anything else does.
    ``budget`` is the longest time of a search and ``cache_seconds`` the life of a result; ``clock`` gives
    monotonic seconds for breakers and cache.
    """

    def __init__(
        self,
        providers: Mapping[Language, Sequence[Provider]],
        on_outcome: OnOutcome,
        release: Callable[[], Awaitable[None]],
        *,
        budget: float,
        cache_seconds: float,
        redact: Callable[[str], str] = str,
        pace: RaceTiming | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_outcome = on_outcome
        self._release = release
        self._budget = budget
        self._redact = redact
        self._pace = pace or RaceTiming()
        self._cache = Cache(cache_seconds, clock)
        self._flights = Flights()
        every = {provider.name: provider for order in providers.values() for provider in order}
        guarded = {
            name: Guarded(provider, Breaker(clock), on_outcome, self._pace.provider)
            for name, provider in every.items()
        }
        self._order: dict[str, list[Guarded]] = {
            language: [guarded[provider.name] for provider in order] for language, order in providers.items()
        }

    @property
    def providers(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the providers by language, in the order in which they are asked."""
        return {
            language: tuple(provider.name for provider in order) for language, order in self._order.items()
        }

    async def search(self, query: str, language: str, budget: float) -> SearchResult:
        """See WebSearch.search; a language without an order of its own is searched as English."""
        wanted = query_of(query, self._redact)
        if not wanted:
            return SearchResult(SearchOutcome.EMPTY, "none")
        known: Language = "ko" if language == "ko" else "en"
        key = (known, wanted.casefold())
        kept = self._cache.get(key)
        if kept is not None:
            self._on_outcome("cache", kept.outcome)
            return kept
        seconds = min(budget, self._budget)

        async def fresh() -> SearchResult:
            result = await Race(self._order[known], wanted, known, seconds, self._pace).run()
            self._cache.put(key, result)
            return result

        try:
            # A little more than the race's own end, which is the one that can say who was late.
            async with asyncio.timeout(seconds + 0.1):
                return await self._flights.join(key, fresh)
        except TimeoutError:
            return SearchResult(SearchOutcome.TIMEOUT, "none")

    async def close(self) -> None:
        """End searches under way and release the connections."""
        await self._flights.close()
        await self._release()
