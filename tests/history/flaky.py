"""A database in memory that fails in every way a real one does, on command."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar
from uuid import UUID

from tests.support.memory_store import MemoryStore

from chatbot.adapters.history.mongo import OPERATION_SECONDS
from chatbot.domain.branches import TurnNode
from chatbot.domain.history import HistoryUnavailable, ListedRoom, NewTurn, Owner, Room, RoomState, Turn
from chatbot.domain.history_ports import MOST_CHARS
from chatbot.domain.service_names import ServiceName

_Answer = TypeVar("_Answer")
Mode = Literal["up", "down", "lost", "hang", "reads_down"]


LIFE_SECONDS = 30.0
"""Until then a server may still do what nobody waits for any more: connections have a time limit."""


class FlakyStore(MemoryStore):
    """``down`` refuses. ``lost`` does the work and loses the answer. ``hang`` answers nothing until a store's
    own time limit, and inserts land when ``release`` is called. ``reads_down`` takes inserts only.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mode: Mode = "up"
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
                self.put(turn)

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

    async def insert(self, turn: NewTurn) -> Turn | None:
        if turn.id in self.poison:
            raise ValueError(f"cannot encode {turn.question}")
        if self.mode == "hang":
            self._late.append((asyncio.get_running_loop().time(), turn))
        await self._enter("insert")
        stored = self.put(turn)
        self._leave()
        return stored

    async def end(self, room: Room) -> UUID | None:
        await self._enter("end")
        return await super().end(room)

    async def recent(
        self, room: Room, limit: int, upto: UUID | None = None, chars: int = MOST_CHARS
    ) -> Sequence[Turn]:
        await self._enter("recent")
        return await super().recent(room, limit, upto, chars)

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        await self._enter("page")
        return await super().page(room, after, limit)

    async def outline(self, room: Room) -> Sequence[TurnNode]:
        await self._enter("outline")
        return await super().outline(room)

    async def read(self, room: Room, ids: Collection[UUID]) -> Sequence[Turn]:
        await self._enter("read")
        return await super().read(room, ids)

    async def bury(self, room: Room, ids: Collection[UUID]) -> int:
        return await self._change("bury", super().bury(room, ids))

    async def state(self, room: Room) -> RoomState:
        await self._enter("state")
        return await super().state(room)

    async def put_state(self, room: Room, state: RoomState) -> bool:
        return await self._change("put_state", super().put_state(room, state))

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        await self._enter("rooms")
        return await super().rooms(service, user_id)

    async def owners(self) -> Sequence[Owner]:
        await self._enter("owners")
        return await super().owners()

    async def _change(self, name: str, work: Coroutine[Any, Any, _Answer]) -> _Answer:
        try:
            await self._enter(name)
        except BaseException:
            work.close()
            raise
        answer = await work
        self._leave()
        return answer

    async def delete_turns(self, ids: Collection[UUID]) -> int:
        return await self._change("delete_turns", super().delete_turns(ids)) if ids else 0

    async def delete_room(self, room: Room) -> int:
        return await self._change("delete_room", super().delete_room(room))

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        return await self._change("delete_user", super().delete_user(service, user_id))

    async def prune(self, older_than: datetime) -> int:
        return await self._change("prune", super().prune(older_than))

    async def ping(self) -> None:
        await self._enter("ping")
        self._leave()

    async def check_writable(self, *, by_writing: bool) -> None:
        await self._enter("check_writable")

    async def close(self) -> None:
        self.closed = True
