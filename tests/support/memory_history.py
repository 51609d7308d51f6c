"""A history in memory, which works on its turns as the real one does."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from uuid import UUID

from tests.support.memory_store import MemoryStore
from tests.support.memory_summaries import MemorySummaries

from chatbot.adapters.history.branching import bury_turn, change_state, read_path, read_tree
from chatbot.adapters.history.exporting import turns_of_user
from chatbot.adapters.history.importing import import_room
from chatbot.adapters.history.searching import search_rooms
from chatbot.domain.branches import Tree
from chatbot.domain.history import (
    AT_END,
    After,
    Imported,
    ListedRoom,
    NewTurn,
    PathSummary,
    Recollection,
    Room,
    RoomChange,
    RoomState,
    SearchOfRooms,
    Stored,
    Turn,
)
from chatbot.domain.history_ports import MOST_CHARS
from chatbot.domain.service_names import ServiceName


class MemoryHistory:
    """A ChatHistory over a store in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.characters = self.store.characters
        self.writable = True

    @property
    def summaries(self) -> MemorySummaries:
        return self.store.summaries

    @property
    def turns(self) -> list[Turn]:
        """All turns, in the order of storing."""
        return list(self.store.stored.values())

    async def recall(
        self, room: Room, limit: int, after: After = AT_END, chars: int = MOST_CHARS
    ) -> Recollection:
        end = self.store.end_of(room) if after is AT_END else after
        turns = await read_path(self.store, room, limit, end, chars)
        path = {turn.id for turn in turns}
        told = [one for one in await self.summaries.of_room(room) if one.turn in path]
        return Recollection(turns, summaries=tuple(told))

    async def facts(self, room: Room) -> Sequence[str]:
        return (await self.store.state(room)).facts

    async def turn(self, room: Room, id_: UUID) -> Turn | None:
        return next(iter(await self.store.read(room, [id_])), None)

    async def tree(self, room: Room) -> Tree:
        return await read_tree(self.store, room)

    async def read(self, room: Room, ids: Collection[UUID]) -> Sequence[Turn]:
        return await self.store.read(room, ids)

    async def state(self, room: Room) -> RoomState:
        return await self.store.state(room)

    async def change(self, room: Room, change: RoomChange) -> RoomState | None:
        return await change_state(self.store, room, change)

    async def delete_turn(self, room: Room, id_: UUID) -> int:
        return len(await bury_turn(self.store, room, id_))

    async def search(self, service: ServiceName, user_id: str, query: str) -> SearchOfRooms:
        return await search_rooms(self.store, service, user_id, query)

    def can_store(self) -> bool:
        return self.writable

    async def remember(self, turn: NewTurn) -> Stored:
        return Stored.DATABASE if self.store.put(turn) else Stored.DELETED

    async def import_turns(
        self,
        room: Room,
        turns: Sequence[NewTurn],
        state: RoomState | None = None,
        summaries: Sequence[PathSummary] = (),
    ) -> Imported | None:
        return await import_room(room, turns, self.store, state, summaries)

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        return await self.store.page(room, after, limit)

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        return await self.store.rooms(service, user_id)

    async def export(self, service: ServiceName, user_id: str) -> AsyncIterator[Turn]:
        async for turn in turns_of_user(self.store, service, user_id):
            yield turn

    async def delete_room(self, room: Room) -> int:
        return await self.store.delete_room(room)

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        return await self.store.delete_user(service, user_id)

    async def prune(self, older_than: datetime) -> int:
        return await self.store.prune(older_than)

    def pending(self) -> int:
        return 0

    async def ping(self) -> None: ...

    async def close(self) -> None: ...
