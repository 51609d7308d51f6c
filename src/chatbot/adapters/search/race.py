"""One search: providers in order, the next one when one fails or dawdles, all within a budget.

The last provider is the last resort: it starts in time to answer, whatever the others do. "Nothing found" is
the result only if every provider that was asked says so.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.adapters.search.guarded import Guarded
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome, SearchResult

_AT_ONCE = 2
"""Providers asked side by side, the last resort apart."""


@dataclass(frozen=True, slots=True)
class RaceTiming:
    """Seconds: a provider's limit, and the patience before the next one is asked beside it."""

    provider: float = 2.5
    hedge: float = 1.0


class Race:
    """The state of one search; use it once."""

    def __init__(
        self, providers: Sequence[Guarded], query: str, language: Language, budget: float, pace: RaceTiming
    ) -> None:
        self._waiting = deque(provider for provider in providers if provider.ready)
        self._query = query
        self._language = language
        self._pace = pace
        now = time.monotonic()
        self._end = now + budget
        self._last_call = self._end - min(pace.provider, budget / 2)
        self._next_start = now
        self._under_way: dict[asyncio.Task[SearchResult], Guarded] = {}
        self._empty: SearchResult | None = None
        self._failure: SearchResult | None = None
        if providers and not self._waiting:
            self._failure = providers[-1].unready_result

    async def run(self) -> SearchResult:
        """The first result with hits, else what kept the search from finding any."""
        try:
            return await self._first_hits() or self._without_hits()
        finally:
            await self._withdraw()

    async def _first_hits(self) -> SearchResult | None:
        while (now := time.monotonic()) < self._end:
            self._start_due(now)
            if not self._under_way:
                return None
            wake = [self._end]
            if self._waiting:
                wake.append(self._last_call)
                if len(self._under_way) < _AT_ONCE:
                    wake.append(self._next_start)
            pause = max(0.0, min(moment for moment in wake if moment > now) - now)
            await asyncio.wait(self._under_way, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            found = self._collect()
            if found is not None:
                self._blame_the_late()
                return found
        self._blame_the_late()
        return None

    def _start_due(self, now: float) -> None:
        if self._waiting and now >= self._last_call:
            last_resort = self._waiting.pop()
            self._waiting.clear()
            self._start(last_resort, now)
            return
        while self._waiting and len(self._under_way) < _AT_ONCE:
            if self._under_way and now < self._next_start:
                return
            self._start(self._waiting.popleft(), now)

    def _start(self, provider: Guarded, now: float) -> None:
        if provider.ready:
            self._under_way[asyncio.create_task(provider.ask(self._query, self._language))] = provider
            self._next_start = now + self._pace.hedge
        else:
            self._failure = provider.unready_result

    def _collect(self) -> SearchResult | None:
        """Take what has ended, in the order of starting; returns the first result with hits."""
        for task in [task for task in self._under_way if task.done()]:
            del self._under_way[task]
            result = task.result()
            if result.outcome is SearchOutcome.OK:
                return result
            if result.outcome is SearchOutcome.EMPTY:
                self._empty = result
            else:
                self._failure = result
        return None

    def _blame_the_late(self) -> None:
        for task, provider in self._under_way.items():
            if not task.done():
                provider.late()
                self._failure = SearchResult(SearchOutcome.TIMEOUT, provider.name)

    def _without_hits(self) -> SearchResult:
        outcome = SearchOutcome.TIMEOUT if self._waiting else SearchOutcome.ERROR
        return self._failure or self._empty or SearchResult(outcome, "none")

    async def _withdraw(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
