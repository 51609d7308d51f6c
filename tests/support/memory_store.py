"""A TurnStore in memory that does what a database does."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

from tests.support.memory_characters import MemoryCharacters
from tests.support.memory_summaries import MemorySummaries

from chatbot.domain.branches import TurnNode
from chatbot.domain.history import ListedRoom, NewTurn, Owner, Room, RoomState, Turn, chars_of
from chatbot.domain.history_ports import MOST_CHARS
from chatbot.domain.service_names import ServiceName


class MemoryStore:
    """Turns by id, the newest state of each room, and the ids of buried turns."""

    def __init__(self) -> None:
        self.stored: dict[UUID, Turn] = {}
        self.states: dict[Room, RoomState] = {}
        self.tombstones: set[UUID] = set()
        self.characters = MemoryCharacters()
        self.summaries = MemorySummaries(self.stored)

    def in_room(self, room: Room) -> list[Turn]:
        """The room's turns by index."""
        return sorted((one for one in self.stored.values() if one.room == room), key=lambda one: one.index)

    def put(self, turn: NewTurn) -> Turn | None:
        """Store a turn at once."""
        if turn.id in self.tombstones or turn.after in self.tombstones:
            return None
        if turn.id not in self.stored:
            there = self.in_room(turn.room)
            parent: UUID | None = None
            if isinstance(turn.after, UUID) and any(one.id == turn.after for one in there):
                parent = turn.after
            elif turn.after is not None:
                parent = self.end_of(turn.room)
            index = there[-1].index + 1 if there else 1
            self.stored[turn.id] = Turn(
                turn.id,
                turn.room,
                index,
                turn.question,
                turn.answer,
                turn.model,
                turn.created_at,
                parent,
                turn.reason,
                turn.asked_with,
                turn.turns_read,
            )
        return self.stored[turn.id]

    def end_of(self, room: Room) -> UUID | None:
        """Where the room's current path ends."""
        there = self.in_room(room)
        if not there:
            return None
        state = self.states.get(room, RoomState())
        chosen = state.newest == there[-1].id and state.end in {one.id for one in there}
        return state.end if chosen else there[-1].id

    def remove(self, chosen: Callable[[Turn], bool]) -> int:
        """Delete the turns that are chosen."""
        gone = [one for one in self.stored.values() if chosen(one)]
        for one in gone:
            del self.stored[one.id]
        return len(gone)

    async def insert(self, turn: NewTurn) -> Turn | None:
        return self.put(turn)

    async def end(self, room: Room) -> UUID | None:
        return self.end_of(room)

    async def recent(
        self, room: Room, limit: int, upto: UUID | None = None, chars: int = MOST_CHARS
    ) -> Sequence[Turn]:
        there = self.in_room(room)
        if upto is not None:
            last = next((one.index for one in there if one.id == upto), 0)
            there = [one for one in there if one.index <= last]
        there = there[-limit:]
        return [turn for at, turn in enumerate(there, 1) if chars_of(there[at:]) < chars]

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        return [one for one in self.in_room(room) if one.index > after][:limit]

    async def outline(self, room: Room) -> Sequence[TurnNode]:
        return [TurnNode(one.id, one.index, one.parent) for one in self.in_room(room)]

    async def read(self, room: Room, ids: Collection[UUID]) -> Sequence[Turn]:
        return [one for one in self.in_room(room) if one.id in ids]

    async def bury(self, room: Room, ids: Collection[UUID]) -> int:
        self.tombstones |= set(ids)
        return self.remove(lambda one: one.room == room and one.id in ids)

    async def state(self, room: Room) -> RoomState:
        return self.states.get(room, RoomState())

    async def put_state(self, room: Room, state: RoomState) -> bool:
        if state.version <= self.states.get(room, RoomState()).version:
            return False
        self.states[room] = state
        return True

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        rooms = dict.fromkeys(one.room for one in self.stored.values())
        lines = []
        for room in rooms:
            if (room.service, room.user_id) == (service, user_id):
                turns, state = self.in_room(room), self.states.get(room, RoomState())
                title = state.title or turns[0].question
                updated = max(one.created_at for one in turns)
                lines.append(ListedRoom(room.db_id, title, len(turns), updated, state.pinned))
        return sorted(lines, key=lambda line: line.updated_at, reverse=True)

    async def owners(self) -> Sequence[Owner]:
        return list(dict.fromkeys(Owner(one.room.service, one.room.user_id) for one in self.stored.values()))

    async def delete_turns(self, ids: Collection[UUID]) -> int:
        return self.remove(lambda one: one.id in ids)

    async def delete_room(self, room: Room) -> int:
        self.states.pop(room, None)
        return self.remove(lambda one: one.room == room)

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        self.states = {
            room: state
            for room, state in self.states.items()
            if (room.service, room.user_id) != (service, user_id)
        }
        return self.remove(lambda one: (one.room.service, one.room.user_id) == (service, user_id))

    async def prune(self, older_than: datetime) -> int:
        last: dict[Room, datetime] = {}
        for one in self.stored.values():
            last[one.room] = max(one.created_at, last.get(one.room, one.created_at))
        return self.remove(lambda one: last[one.room] < older_than)

    async def ping(self) -> None: ...

    async def check_writable(self, *, by_writing: bool) -> None: ...

    async def close(self) -> None: ...
