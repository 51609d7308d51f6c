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

Whether the database is away is found out by ``Watch``.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from chatbot.adapters.history.branching import bury_turn, change_state, kept_path, read_path, read_tree
from chatbot.adapters.history.catching_up import LOCK_SECONDS, CatchUp
from chatbot.adapters.history.exporting import turns_of_user
from chatbot.adapters.history.guarded_characters import GuardedCharacters
from chatbot.adapters.history.guarded_summaries import GuardedSummaries
from chatbot.adapters.history.importing import import_room
from chatbot.adapters.history.kept_files import Kept
from chatbot.adapters.history.records import storable
from chatbot.adapters.history.searching import search_rooms
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.watch import RetryPace, Watch
from chatbot.adapters.history.writability import Writability
from chatbot.domain.branches import Tree
from chatbot.domain.history import (
    AT_END,
    After,
    HistoryUnavailable,
    Imported,
    ListedRoom,
    NewTurn,
    Owner,
    PathSummary,
    Recalled,
    Recollection,
    Room,
    RoomChange,
    RoomState,
    SearchOfRooms,
    Stored,
    Turn,
)
from chatbot.domain.history_ports import MOST_CHARS, TurnStore
from chatbot.domain.service_names import ServiceName

_log = logging.getLogger(__name__)

READ_SECONDS = 6.0
"""Longest page or list: longer than one operation of a store, shorter than a person's patience."""

LONG_SECONDS = 60.0
"""Longest delete or prune."""

CLOSE_SECONDS = 3.0
"""Longest last attempt to write what is kept; what remains is written at the next start."""

_Answer = TypeVar("_Answer")


class ResilientHistory:
    """A ChatHistory over a TurnStore and a Spool. Call ``start`` once, ``close`` at the end."""

    def __init__(
        self, store: TurnStore, spool: Spool, timeout_seconds: float, pace: RetryPace | None = None
    ) -> None:
        self.store = store
        self.spool = spool
        self._budget = timeout_seconds
        pace = pace or RetryPace()
        self._writability = Writability()
        self._catch_up = CatchUp(store, spool, pace.mark)
        self.watch = Watch(store, spool, self._catch_up, self._writability, pace)
        self.characters = GuardedCharacters(store.characters, self.watch, timeout_seconds)
        self.summaries = GuardedSummaries(store.summaries, self.watch)
        self._searching = asyncio.Lock()
        self._importing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, *further: Coroutine[Any, Any, None]) -> None:
        """Start looking after the database, and further tasks that end with this history."""
        for work in (self.watch.tend(), *further):
            task = asyncio.create_task(work)
            self._tasks.add(task)

    async def recall(
        self, room: Room, limit: int, after: After = AT_END, chars: int = MOST_CHARS
    ) -> Recollection:
        """As the port says."""
        kept = await self._kept(_owner(room))
        # Read before they are written, since time may run out after that and before the database is asked.
        reachable = await self._reachable(kept.of_room(room), limit, chars)
        if not self.watch.away:
            try:
                async with asyncio.timeout(self._budget):
                    await self._catch_up.owner(kept)
                    end = await self.store.end(room) if after is AT_END else after
                    turns, summaries = await asyncio.gather(
                        read_path(self.store, room, limit, end, chars), self.store.summaries.of_room(room)
                    )
                    path = {turn.id for turn in turns}
                    told = tuple(summary for summary in summaries if summary.turn in path)
                    return Recollection(turns, summaries=told)
            except (HistoryUnavailable, OSError) as error:
                self.watch.lost(error)
        return Recollection(kept_path(reachable, limit, after), Recalled.PARTIAL)

    async def facts(self, room: Room) -> Sequence[str]:
        """As the port says."""
        try:
            return (await self.watch.within(self._budget, lambda: self.store.state(room))).facts
        except HistoryUnavailable:
            return ()

    async def turn(self, room: Room, id_: UUID) -> Turn | None:
        """As the port says; within the time that an answer may wait."""
        turns = await self._read(_owner(room), lambda: self.store.read(room, [id_]), self._budget)
        return turns[0] if turns else None

    def can_store(self) -> bool:
        """As the port says; the background task finds it out every few seconds."""
        return self._writability.given

    async def remember(self, turn: NewTurn) -> Stored:
        """As the port says."""
        turn = storable(turn)
        kept = await self._kept(_owner(turn.room))
        if not kept.turns and not self.watch.away:
            try:
                async with asyncio.timeout(self._budget):
                    stored = await self.store.insert(turn)
            except (HistoryUnavailable, OSError) as error:
                self.watch.lost(error)
            else:
                return Stored.DATABASE if stored else Stored.DELETED
        try:
            await self.spool.keep(turn)
        except OSError as error:
            _log.error("history_not_kept", extra={"error": type(error).__name__, "errno": error.errno})
            self._writability.lost(error)
            self.watch.wake.set()
            raise HistoryUnavailable("neither the database nor the disk took the turn") from error
        self.watch.wake.set()
        return Stored.KEPT

    async def tree(self, room: Room) -> Tree:
        """As the port says."""
        return await self._read(_owner(room), lambda: read_tree(self.store, room))

    async def read(self, room: Room, ids: Collection[UUID]) -> Sequence[Turn]:
        """As the port says."""
        return await self._read(_owner(room), lambda: self.store.read(room, ids))

    async def state(self, room: Room) -> RoomState:
        """As the port says."""
        return await self._read(_owner(room), lambda: self.store.state(room))

    async def change(self, room: Room, change: RoomChange) -> RoomState | None:
        """As the port says."""
        return await self._read(_owner(room), lambda: change_state(self.store, room, change))

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """As the port says."""
        return await self._read(_owner(room), lambda: self.store.page(room, after, limit))

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        """As the port says."""
        return await self._read(Owner(service, user_id), lambda: self.store.rooms(service, user_id))

    async def search(self, service: ServiceName, user_id: str, query: str) -> SearchOfRooms:
        """As the port says."""
        # One at a time: it reads thousands of turns, and answers share the loop and the database with it.
        async with self._searching:
            return await self._read(
                Owner(service, user_id), lambda: search_rooms(self.store, service, user_id, query)
            )

    async def import_turns(
        self,
        room: Room,
        turns: Sequence[NewTurn],
        state: RoomState | None = None,
        summaries: Sequence[PathSummary] = (),
    ) -> Imported | None:
        """As the port says."""
        # One at a time: it writes hundreds of turns, and those of answers are to come between.
        async with self._importing:
            return await self._read(
                _owner(room), lambda: import_room(room, turns, self.store, state, summaries), LONG_SECONDS
            )

    def export(self, service: ServiceName, user_id: str) -> AsyncIterator[Turn]:
        """As the port says."""
        return turns_of_user(self, service, user_id)

    async def owners(self) -> Sequence[Owner]:
        """Everybody who has turns, kept ones included."""
        await self.watch.within(LONG_SECONDS, self._catch_up.everybody)
        return await self.watch.within(LONG_SECONDS, self.store.owners)

    async def delete_turn(self, room: Room, id_: UUID) -> int:
        """As the port says; what was kept is written first, so that the database knows all that follow."""

        async def deleted() -> int:
            await self._catch_up.owner(await self._kept(_owner(room)))
            async with self.spool.locked(LOCK_SECONDS):
                buried = await bury_turn(self.store, room, id_)
                kept = await self.spool.of(_owner(room))
                # An earlier insert of them may still be under way, and a tombstone does not stop that one.
                if late := [entry for entry in (*kept.turns, *kept.done) if entry.id in buried]:
                    await self.spool.mark_gone(late)
            return len(buried)

        return await self.watch.within(LONG_SECONDS, deleted)

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
        await self.watch.within(LONG_SECONDS, self._catch_up.everybody)
        return await self.watch.within(LONG_SECONDS, lambda: self.store.prune(older_than))

    def pending(self) -> int:
        """As the port says; asks the folder, which other processes change too."""
        return self.spool.count()

    async def ping(self) -> None:
        """As the port says."""
        await self.watch.within(self._budget, self.store.ping)

    async def close(self) -> None:
        """As the port says."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(HistoryUnavailable, OSError):
            await self.watch.within(CLOSE_SECONDS, self._catch_up.everybody)
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

    async def _reachable(self, kept: Kept, limit: int, chars: int) -> list[NewTurn]:
        """A room's kept turns, the last of them as a recall bounds them."""
        try:
            return await self.spool.read_last(kept.turns[-limit:], chars) if kept.turns else []
        except OSError as error:
            _log.error("history_spool_failed", extra={"errno": error.errno})
            return []

    async def _read(
        self, owner: Owner, question: Callable[[], Awaitable[_Answer]], seconds: float = READ_SECONDS
    ) -> _Answer:
        async def settled() -> _Answer:
            await self._catch_up.owner(await self._kept(owner))
            return await question()

        return await self.watch.within(seconds, settled)

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

        return await self.watch.within(LONG_SECONDS, deleted)


def _owner(room: Room) -> Owner:
    return Owner(room.service, room.user_id)
