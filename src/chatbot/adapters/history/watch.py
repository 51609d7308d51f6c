"""Whether the database is there: one failure says no, and a background task alone tries it again.

So an outage costs the time budget once and not for every question.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from chatbot.adapters.history.catching_up import CatchUp
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.writability import Writability
from chatbot.domain.history import HistoryUnavailable
from chatbot.domain.history_ports import TurnStore

_log = logging.getLogger(__name__)

_Answer = TypeVar("_Answer")

CALL_SECONDS = 6.0
"""Longest call that no answer waits for: longer than one operation of a store, shorter than anybody waits."""


@dataclass(frozen=True, slots=True)
class RetryPace:
    """How the background task looks after the database, seconds.

    ``probe`` is the longest it waits for an answer, ``mark`` how long it minds inserts that may come late.
    """

    first_retry: float = 0.25
    longest_retry: float = 5.0
    idle: float = 5.0
    probe: float = 2.0
    mark: float = 60.0


class Watch:
    """Knows whether the database is away, and brings it up to date when it is back."""

    def __init__(
        self, store: TurnStore, spool: Spool, catch_up: CatchUp, writability: Writability, pace: RetryPace
    ) -> None:
        self._store = store
        self._spool = spool
        self._catch_up = catch_up
        self._writability = writability
        self._pace = pace
        self._told = False
        self.away = False
        self.wake = asyncio.Event()
        """Set to have the database looked at now."""

    async def within(self, seconds: float, work: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Do work that needs the database.

        Raises:
            HistoryUnavailable: it is away, or did not answer in time.
        """
        if self.away:
            raise HistoryUnavailable("the database is away")
        try:
            async with asyncio.timeout(seconds):
                return await work()
        except TimeoutError as error:
            self.lost(error)
            raise HistoryUnavailable("the database did not answer in time") from error
        except HistoryUnavailable as error:
            self.lost(error)
            raise
        except OSError as error:
            _log.error("history_spool_failed", extra={"errno": error.errno})
            raise HistoryUnavailable("the folder of kept turns cannot be used") from error

    def lost(self, error: Exception) -> None:
        """A call failed; the background task finds out whether the database is really away."""
        if not self.away:
            self.away = True
            _log.info("history_call_failed", extra={"reason": _reason(error)})
        self.wake.set()

    def found(self) -> None:
        """The database answered."""
        self.away = False
        if self._told:
            self._told = False
            _log.warning("history_back", extra={"kept_turns": self._spool.count()})

    async def tend(self) -> None:
        """Look after the database for ever."""
        pause = self._pace.first_retry
        while True:
            self.wake.clear()
            try:
                async with asyncio.timeout(self._pace.probe):
                    await self._store.ping()
                self.found()
                await self._writability.look(self._store, self._spool)
                await self._catch_up.everybody()
            except (HistoryUnavailable, TimeoutError, OSError) as error:
                self.away = True
                if not self._told:
                    self._told = True
                    kept = self._spool.count()
                    _log.warning("history_away", extra={"reason": _reason(error), "kept_turns": kept})
                await self._writability.look(self._spool)
                await asyncio.sleep(pause)
                pause = min(2 * pause, self._pace.longest_retry)
            except Exception as error:  # noqa: BLE001 (nobody else would ever try the database again)
                # The class alone: a message may hold what was being stored.
                _log.error("history_tending_failed", extra={"error": type(error).__name__})
                await asyncio.sleep(self._pace.longest_retry)
            else:
                pause = self._pace.first_retry
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.idle):
                        await self.wake.wait()


def _reason(error: Exception) -> str:
    """What may be logged of a failure: the port's own words or a class, never a driver's message."""
    return str(error) if isinstance(error, HistoryUnavailable) else type(error).__name__
