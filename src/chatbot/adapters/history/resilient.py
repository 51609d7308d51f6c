"""History that an outage can neither stop nor damage: a database, and a spool for while it is away.

Rules that keep every turn once:

- A turn is acknowledged when the database has it or an fsynced file does. An insert that ran out of its time
  may still have happened; the kept turn is inserted later under the same id and finds itself.
- While anything of a user is kept, new turns of that user are kept behind it: order within a room holds, and
  the index is given when a turn is written.
- A read first writes what is kept of that user. If that fails the database is away: a recall then has what
  is kept (PARTIAL), every other read refuses.
- A delete needs the database. What was kept until lately leaves a mark by its id, for an insert that is still
  under way somewhere would bring it back: marked ids are deleted again with every read and after a while.

One failure opens the breaker and a background task alone tries the database again, so that an outage costs
the time budget once and not for every question.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from chatbot.adapters.history.catching_up import LOCK_SECONDS, CatchUp
from chatbot.adapters.history.exporting import turns_of_user
from chatbot.adapters.history.kept_files import Kept
from chatbot.adapters.history.records import storable
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.writability import Writability
from chatbot.domain.history import (
    HistoryUnavailable,
    NewTurn,
    Owner,
    Recalled,
    Recollection,
    Room,
    RoomSummary,
    Stored,
    Turn,
    TurnStore,
)
from chatbot.domain.messages import ServiceName

_log = logging.getLogger(__name__)

READ_SECONDS = 6.0
"""Longest page or list: longer than one operation of a store, shorter than a person's patience."""

LONG_SECONDS = 60.0
"""Longest delete or prune."""

CLOSE_SECONDS = 3.0
"""Longest last attempt to write what is kept; what remains is written at the next start."""

_Answer = TypeVar("_Answer")


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


class ResilientHistory:
    """A ChatHistory over a TurnStore and a Spool. Call ``start`` once, ``close`` at the end."""

    def __init__(
        self, store: TurnStore, spool: Spool, timeout_seconds: float, pace: RetryPace | None = None
    ) -> None:
        self.store = store
        self.spool = spool
        self._budget = timeout_seconds
        self._pace = pace or RetryPace()
        self._away = False
        self._told = False
        self._writability = Writability()
        self._wake = asyncio.Event()
        self._catch_up = CatchUp(store, spool, self._pace.mark)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, *further: Coroutine[Any, Any, None]) -> None:
        """Start looking after the database, and further tasks that end with this history."""
        for work in (self._tend(), *further):
            task = asyncio.create_task(work)
            self._tasks.add(task)

    async def recall(self, room: Room, limit: int) -> Recollection:
        """As the port says."""
        kept = await self._kept(_owner(room))
        # Read before they are written, since time may run out after that and before the database is asked.
        reachable = await self._reachable(kept.of_room(room))
        if not self._away:
            try:
                async with asyncio.timeout(self._budget):
                    await self._catch_up.owner(kept)
                    return Recollection(tuple(await self.store.recent(room, limit)))
            except (HistoryUnavailable, OSError) as error:
                self._lost(error)
        return Recollection(reachable[-limit:], Recalled.PARTIAL)

    def can_store(self) -> bool:
        """As the port says; the background task finds it out every few seconds."""
        return self._writability.given

    async def remember(self, turn: NewTurn) -> Stored:
        """As the port says."""
        turn = storable(turn)
        kept = await self._kept(_owner(turn.room))
        if not kept.turns and not self._away:
            try:
                async with asyncio.timeout(self._budget):
                    await self.store.insert(turn)
            except (HistoryUnavailable, OSError) as error:
                self._lost(error)
            else:
                return Stored.DATABASE
        try:
            await self.spool.keep(turn)
        except OSError as error:
            _log.error("history_not_kept", extra={"error": type(error).__name__, "errno": error.errno})
            self._writability.lost(error)
            self._wake.set()
            raise HistoryUnavailable("neither the database nor the disk took the turn") from error
        self._wake.set()
        return Stored.KEPT

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """As the port says."""
        return await self._read(_owner(room), lambda: self.store.page(room, after, limit))

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[RoomSummary]:
        """As the port says."""
        return await self._read(Owner(service, user_id), lambda: self.store.rooms(service, user_id))

    def export(self, service: ServiceName, user_id: str) -> AsyncIterator[Turn]:
        """As the port says."""
        return turns_of_user(self, service, user_id)

    async def owners(self) -> Sequence[Owner]:
        """Everybody who has turns, kept ones included."""
        await self._within(LONG_SECONDS, self._catch_up.everybody)
        return await self._within(LONG_SECONDS, self.store.owners)

    async def delete_room(self, room: Room) -> int:
        """As the port says."""
        return await self._delete(
            _owner(room), lambda kept: kept.of_room(room), lambda: self.store.delete_room(room)
        )

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        """As the port says."""
        owner = Owner(service, user_id)
        return await self._delete(owner, lambda kept: kept, lambda: self.store.delete_user(service, user_id))

    async def prune(self, older_than: datetime) -> int:
        """As TurnStore.prune; what is kept is written first, so that its rooms count as used."""
        await self._within(LONG_SECONDS, self._catch_up.everybody)
        return await self._within(LONG_SECONDS, lambda: self.store.prune(older_than))

    def pending(self) -> int:
        """As the port says; asks the folder, which other processes change too."""
        return self.spool.count()

    async def ping(self) -> None:
        """As the port says."""
        await self._within(self._budget, self.store.ping)

    async def close(self) -> None:
        """As the port says."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(HistoryUnavailable, OSError):
            await self._within(CLOSE_SECONDS, self._catch_up.everybody)
        if left := self.pending():
            _log.warning("history_left_kept", extra={"kept_turns": left})
        await self.store.close()
        self.spool.close()

    async def _kept(self, owner: Owner) -> Kept:
        """What is kept of the owner; a spool that cannot be read must not cost an answer."""
        try:
            return await self.spool.of(owner)
        except OSError as error:
            _log.error("history_spool_failed", extra={"errno": error.errno})
            return Kept()

    async def _reachable(self, kept: Kept) -> tuple[Turn, ...]:
        """A room's kept turns, numbered from 1: their index is given when they are written."""
        if not kept.turns:
            return ()
        try:
            turns = await self.spool.read(kept.turns)
        except OSError as error:
            _log.error("history_spool_failed", extra={"errno": error.errno})
            return ()
        return tuple(
            Turn(turn.id, turn.room, index, turn.question, turn.answer, turn.model, turn.created_at)
            for index, turn in enumerate(turns, 1)
        )

    async def _read(self, owner: Owner, question: Callable[[], Awaitable[_Answer]]) -> _Answer:
        async def settled() -> _Answer:
            await self._catch_up.owner(await self._kept(owner))
            return await question()

        return await self._within(READ_SECONDS, settled)

    async def _within(self, seconds: float, work: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Do work that needs the database.

        Raises:
            HistoryUnavailable: it is away, or did not answer in time.
        """
        if self._away:
            raise HistoryUnavailable("the database is away")
        try:
            async with asyncio.timeout(seconds):
                return await work()
        except TimeoutError as error:
            self._lost(error)
            raise HistoryUnavailable("the database did not answer in time") from error
        except HistoryUnavailable as error:
            self._lost(error)
            raise
        except OSError as error:
            _log.error("history_spool_failed", extra={"errno": error.errno})
            raise HistoryUnavailable("the folder of kept turns cannot be used") from error

    async def _delete(
        self, owner: Owner, choose: Callable[[Kept], Kept], delete: Callable[[], Awaitable[int]]
    ) -> int:
        async def deleted() -> int:
            async with self.spool.locked(LOCK_SECONDS):
                chosen = choose(await self.spool.of(owner))
                kept = [*chosen.turns, *chosen.aside]
                # First by id: a kept turn may be in the database too and must not count twice.
                await self.store.delete_turns([entry.id for entry in (*kept, *chosen.gone)])
                stored = await delete()
                if uncertain := [*kept, *chosen.done]:
                    await self.spool.mark_gone(uncertain)
                return stored + len(kept)

        return await self._within(LONG_SECONDS, deleted)

    def _lost(self, error: Exception) -> None:
        """Open the breaker; the background task finds out whether the database is really away."""
        if not self._away:
            self._away = True
            _log.info("history_call_failed", extra={"reason": _reason(error)})
        self._wake.set()

    async def _tend(self) -> None:
        pause = self._pace.first_retry
        while True:
            self._wake.clear()
            try:
                async with asyncio.timeout(self._pace.probe):
                    await self.store.ping()
                self._found()
                await self._writability.look(self.store, self.spool)
                await self._catch_up.everybody()
            except (HistoryUnavailable, TimeoutError, OSError) as error:
                self._away = True
                if not self._told:
                    self._told = True
                    _log.warning(
                        "history_away", extra={"reason": _reason(error), "kept_turns": self.pending()}
                    )
                await self._writability.look(self.spool)
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
                        await self._wake.wait()

    def _found(self) -> None:
        self._away = False
        if self._told:
            self._told = False
            _log.warning("history_back", extra={"kept_turns": self.pending()})


def _owner(room: Room) -> Owner:
    return Owner(room.service, room.user_id)


def _reason(error: Exception) -> str:
    """What may be logged of a failure: the port's own words or a class, never a driver's message."""
    return str(error) if isinstance(error, HistoryUnavailable) else type(error).__name__
