"""Results for minutes, and one search for equal questions that come at the same time."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from chatbot.domain.search import SearchOutcome, SearchResult

Key = tuple[str, str]
"""Language and normalised query."""

ENTRIES = 512
EMPTY_SECONDS = 60


class Cache:
    """The latest results, bounded in number and age. Failures never enter; "nothing found" stays briefly."""

    def __init__(self, seconds: float, clock: Callable[[], float], entries: int = ENTRIES) -> None:
        self._seconds = seconds
        self._clock = clock
        self._entries = entries
        self._results: OrderedDict[Key, tuple[float, SearchResult]] = OrderedDict()

    def get(self, key: Key) -> SearchResult | None:
        """The result if it is still fresh."""
        expires, result = self._results.get(key, (0.0, None))
        if result is None:
            return None
        if self._clock() >= expires:
            del self._results[key]
            return None
        self._results.move_to_end(key)
        return result

    def put(self, key: Key, result: SearchResult) -> None:
        """Keep the result for its time, at the cost of the one that was longest unused."""
        seconds = {
            SearchOutcome.OK: self._seconds,
            SearchOutcome.EMPTY: min(self._seconds, EMPTY_SECONDS),
        }.get(result.outcome, 0)
        if seconds <= 0:
            return
        self._results[key] = (self._clock() + seconds, result)
        self._results.move_to_end(key)
        while len(self._results) > self._entries:
            self._results.popitem(last=False)


class _Flight:
    def __init__(self, task: asyncio.Task[SearchResult]) -> None:
        self.task = task
        self.passengers = 0


class Flights:
    """Equal questions share one search; it ends early only when all of them have gone."""

    def __init__(self) -> None:
        self._under_way: dict[Key, _Flight] = {}

    async def join(self, key: Key, search: Callable[[], Coroutine[Any, Any, SearchResult]]) -> SearchResult:
        """Wait for the search of this key, started by ``search`` if none is under way."""
        flight = self._under_way.get(key)
        if flight is None:
            flight = self._under_way[key] = _Flight(asyncio.create_task(search()))
        flight.passengers += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.passengers -= 1
            if flight.task.done() or flight.passengers == 0:
                flight.task.cancel()
                if self._under_way.get(key) is flight:
                    del self._under_way[key]

    async def close(self) -> None:
        """End every search under way."""
        tasks = [flight.task for flight in self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
