"""A database in memory that fails in every way a real one does, on command."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from chatbot.adapters.history.mongo import OPERATION_SECONDS
from chatbot.domain.history import HistoryUnavailable, NewTurn, Owner, Room, RoomSummary, Turn
from chatbot.domain.messages import ServiceName

Mode = Literal["up", "down", "lost", "hang", "reads_down"]


LIFE_SECONDS = 30.0
"""Until then a server may still do what nobody waits for any more: connections have a time limit."""


class FlakyStore:
    """``down`` refuses. ``lost`` does the work and loses the answer. ``hang`` answers nothing until a store's
    own time limit, and inserts land when ``release`` is called. ``reads_down`` takes inserts only.
    """

    def __init__(self) -> None:
        self.mode: Mode = "up"
        self.turns: dict[UUID, Turn] = {}
        self.calls: list[str] = []
        self.poison: set[UUID] = set()
        self._late: list[tuple[float, NewTurn]] = []
        self.closed = False
        self.latency: Callable[[], float] = lambda: 0.0

    async def release(self) -> None:
        """Let every insert that hung take effect now."""
        now = asyncio.get_running_loop().time()
        late, self._late = self._late, []
        for asked, turn in late:
            if now - asked < LIFE_SECONDS:
                self._put(turn)

    async def _enter(self, name: str) -> None:
        self.calls.append(name)
        await asyncio.sleep(self.latency())
        if self.mode == "down" or (self.mode == "reads_down" and name not in ("insert", "ping")):
            raise HistoryUnavailable("down")
        if self.mode == "hang":
            await asyncio.sleep(OPERATION_SECONDS)
            raise HistoryUnavailable("hangs")

    def _leave(self) -> None:
        if self.mode == "lost":
            raise HistoryUnavailable("lost")

    def _put(self, turn: NewTurn) -> Turn:
        if turn.id not in self.turns:
            index = (
                max((other.index for other in self.turns.values() if other.room == turn.room), default=0) + 1
            )
            self.turns[turn.id] = Turn(
                turn.id, turn.room, index, turn.question, turn.answer, turn.model, turn.created_at
            )
        return self.turns[turn.id]

    def in_room(self, room: Room) -> list[Turn]:
        return sorted(
            (turn for turn in self.turns.values() if turn.room == room), key=lambda turn: turn.index
        )

    async def insert(self, turn: NewTurn) -> Turn:
        if turn.id in self.poison:
            raise ValueError(f"cannot encode {turn.question}")
        if self.mode == "hang":
            self._late.append((asyncio.get_running_loop().time(), turn))
        await self._enter("insert")
        stored = self._put(turn)
        self._leave()
        return stored

    async def recent(self, room: Room, limit: int) -> Sequence[Turn]:
        await self._enter("recent")
        return self.in_room(room)[-limit:]

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        await self._enter("page")
        return [turn for turn in self.in_room(room) if turn.index > after][:limit]

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[RoomSummary]:
        await self._enter("rooms")
        rooms = {
            turn.room
            for turn in self.turns.values()
            if (turn.room.service, turn.room.user_id) == (service, user_id)
        }
        return [
            RoomSummary(room.db_id, turns[0].question, len(turns), turns[-1].created_at)
            for room in rooms
            if (turns := self.in_room(room))
        ]

    async def owners(self) -> Sequence[Owner]:
        await self._enter("owners")
        return list({Owner(turn.room.service, turn.room.user_id): None for turn in self.turns.values()})

    async def _remove(self, name: str, chosen: Collection[UUID]) -> int:
        await self._enter(name)
        removed = [self.turns.pop(id_) for id_ in chosen if id_ in self.turns]
        self._leave()
        return len(removed)

    async def delete_turns(self, ids: Collection[UUID]) -> int:
        return await self._remove("delete_turns", ids) if ids else 0

    async def delete_room(self, room: Room) -> int:
        return await self._remove("delete_room", [turn.id for turn in self.in_room(room)])

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        owned = [t.id for t in self.turns.values() if (t.room.service, t.room.user_id) == (service, user_id)]
        return await self._remove("delete_user", owned)

    async def prune(self, older_than: datetime) -> int:
        rooms = {turn.room for turn in self.turns.values()}
        old = [room for room in rooms if max(turn.created_at for turn in self.in_room(room)) < older_than]
        return await self._remove("prune", [turn.id for room in old for turn in self.in_room(room)])

    async def ping(self) -> None:
        await self._enter("ping")
        self._leave()

    async def check_writable(self, *, by_writing: bool) -> None:
        await self._enter("check_writable")

    async def close(self) -> None:
        self.closed = True
