"""What stands in MongoDB's collections, and the questions to them that take more than one step.

A turn's ``parent`` is the id of the turn that it follows, null for one that begins a path. A document without
that field is from before rooms had branches: it follows the turn with the next lower index.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chatbot.adapters.history.titles import title
from chatbot.domain.history import ListedRoom, NewTurn, Room, RoomState, Turn
from chatbot.domain.messages import FinishReason
from chatbot.domain.service_names import ServiceName

Document = dict[str, Any]

_ROOM = [("service", 1), ("user_id", 1), ("db_id", 1)]

_BATCH = 500
"""Summaries whose turns are looked for at a time."""

_READ_AT_ONCE = 20
"""Turns that come with one answer of the server: its own bound for that is 16 MiB."""


def key(room: Room) -> Document:
    """What chooses the documents of a room."""
    return {"service": str(room.service), "user_id": room.user_id, "db_id": str(room.db_id)}


def turn_of(document: Mapping[str, Any]) -> Turn:
    """The turn of a document whose parent is known."""
    parent, reason = document["parent"], document.get("finish_reason")
    return Turn(
        id=UUID(document["_id"]),
        room=Room(ServiceName(document["service"]), document["user_id"], UUID(document["db_id"])),
        index=document["index"],
        question=document["question"],
        answer=document["answer"],
        model=document["model"],
        created_at=document["created_at"].astimezone(UTC),
        parent=UUID(parent) if parent else None,
        reason=FinishReason(reason) if reason else None,
        asked_with=document.get("asked_with"),
        turns_read=document.get("turns_read"),
    )


def state_of(document: Mapping[str, Any] | None) -> RoomState:
    """The state of a document; of none, that of a room for which nothing was chosen."""
    if document is None:
        return RoomState()
    end, newest = (UUID(id_) if id_ else None for id_ in (document["end"], document["newest"]))
    facts = tuple(document.get("facts", ()))
    return RoomState(document["version"], document["title"], document["pinned"], end, newest, facts)


def state_document(room: Room, state: RoomState) -> Document:
    """The document of a state."""
    return {
        **key(room),
        "version": state.version,
        "title": state.title,
        "pinned": state.pinned,
        "end": str(state.end) if state.end else None,
        "newest": str(state.newest) if state.newest else None,
        "facts": list(state.facts),
        "created_at": datetime.now(UTC),
    }


def with_parents(documents: Sequence[Document]) -> Iterator[tuple[Document, str | None]]:
    """The documents of all turns of a room, by index, with their parents."""
    before: str | None = None
    for document in documents:
        yield document, document.get("parent", before)
        before = document["_id"]


@dataclass(frozen=True, slots=True)
class Collections:
    """The collections of a history, each of the driver's own type."""

    turns: Any
    """Documents as the module says, unique by room and index."""

    states: Any
    """What users chose for rooms, unique by room and version."""

    tombstones: Any
    """Ids of buried turns."""

    characters: Any
    """Versions of characters, unique by owner, character and version."""

    summaries: Any
    """Summaries of paths, each of a turn."""

    async def make_indexes(self) -> None:
        """Make the indexes that are not there."""
        await self.turns.create_index([*_ROOM, ("index", 1)], unique=True, name="room")
        await self.states.create_index([*_ROOM, ("version", 1)], unique=True, name="room")
        await self.tombstones.create_index(_ROOM, name="room")
        await self.summaries.create_index(_ROOM, name="room")
        await self.summaries.create_index([("turn", 1)], name="turn")
        version = [("service", 1), ("user_id", 1), ("character_id", 1), ("version", 1)]
        await self.characters.create_index(version, unique=True, name="version")

    async def newest(self, room: Room) -> Document | None:
        """The turn of the room that was stored last, its id and index."""
        found: Document | None = await self.turns.find_one(key(room), {"index": 1}, sort=[("index", -1)])
        return found

    async def state(self, room: Room) -> Document | None:
        """The newest state of the room."""
        found: Document | None = await self.states.find_one(key(room), sort=[("version", -1)])
        return found

    async def end(self, room: Room) -> str | None:
        """The turn at which the current path ends."""
        newest = await self.newest(room)
        return None if newest is None else await self._end_beside(room, newest["_id"])

    async def _end_beside(self, room: Room, newest: str) -> str:
        chosen = await self.state(room)
        if chosen and chosen["newest"] == newest and chosen["end"]:
            there = await self.turns.find_one({"_id": chosen["end"], **key(room)}, {"_id": 1})
            if there:
                return str(there["_id"])
        return newest

    async def placed(self, turn: NewTurn) -> Document:
        """The turn's document under the room's next index, where it names or at the room's end."""
        # The newest turn is read first: whatever is decided after it holds only if the next index is free.
        newest = await self.newest(turn.room)
        parent: str | None = None
        if isinstance(turn.after, UUID):
            named = await self.turns.find_one({"_id": str(turn.after), **key(turn.room)}, {"_id": 1})
            parent = named and named["_id"]
        if parent is None and turn.after is not None and newest:
            parent = await self._end_beside(turn.room, newest["_id"])
        return {
            "_id": str(turn.id),
            **key(turn.room),
            "index": newest["index"] + 1 if newest else 1,
            "parent": parent,
            "question": turn.question,
            "answer": turn.answer,
            "model": turn.model,
            "created_at": turn.created_at,
            "finish_reason": turn.reason and turn.reason.value,
            "asked_with": None if turn.asked_with is None else dict(turn.asked_with),
            "turns_read": turn.turns_read,
        }

    async def last(self, chosen: Document, limit: int, chars: int) -> list[Document]:
        """The chosen turns that were stored last, by index: at most so many, or those with ``chars``."""
        documents: list[Document] = []
        cursor = self.turns.find(chosen).sort("index", -1).limit(limit).batch_size(_READ_AT_ONCE)
        try:
            async for document in cursor:
                documents.append(document)
                chars -= len(document["question"]) + len(document["answer"])
                if chars <= 0:
                    break
        finally:
            await cursor.close()
        return documents[::-1]

    async def read(self, documents: Sequence[Document]) -> list[Turn]:
        """The turns of documents of one room, by index."""
        turns: list[Turn] = []
        before: Document | None = None
        for document in documents:
            parent = document["parent"] if "parent" in document else await self._turn_before(document, before)
            turns.append(turn_of({**document, "parent": parent}))
            before = document
        return turns

    async def _turn_before(self, document: Document, known: Document | None) -> str | None:
        """The turn with the next lower index; ``known`` is one that may be it."""
        if known is not None and known["index"] == document["index"] - 1:
            return str(known["_id"])
        room = {name: document[name] for name, _ in _ROOM}
        earlier = {**room, "index": {"$lt": document["index"]}}
        found = await self.turns.find_one(earlier, {"_id": 1}, sort=[("index", -1)])
        return None if found is None else str(found["_id"])

    async def buried(self, turn: NewTurn) -> bool:
        """Whether the turn, or the one that it names, has a tombstone."""
        ids = [str(turn.id), *([str(turn.after)] if isinstance(turn.after, UUID) else [])]
        return await self.tombstones.find_one({"_id": {"$in": ids}}) is not None

    async def bury(self, room: Room, ids: Collection[UUID]) -> None:
        """Insert tombstones for those that have none."""
        wanted = {str(id_) for id_ in ids}
        there = self.tombstones.find({"_id": {"$in": [*wanted]}}, {"_id": 1})
        wanted -= {document["_id"] async for document in there}
        now = datetime.now(UTC)
        if wanted:
            await self.tombstones.insert_many(
                [{"_id": id_, **key(room), "created_at": now} for id_ in wanted]
            )

    async def finish_burials(self, room: Room) -> None:
        """Delete the turns of the room that have tombstones, if somebody is still about it."""
        buried = [document["_id"] async for document in self.tombstones.find(key(room), {"_id": 1})]
        await self.delete_turns(buried)

    async def delete_turns(self, ids: Sequence[str]) -> int:
        """Delete turns with their summaries, and return how many turns there were."""
        # Before them, for a kill between would leave texts whose turns nobody can name any more; and after
        # them, for one may have been written meanwhile.
        await self.summaries.delete_many({"turn": {"$in": ids}})
        result = await self.turns.delete_many({"_id": {"$in": ids}})
        await self.summaries.delete_many({"turn": {"$in": ids}})
        return int(result.deleted_count)

    async def listed(self, owner: Document) -> list[ListedRoom]:
        """All rooms of a user; the server sends indexes and times only, and one question a room."""
        count: dict[str, int] = {}
        first: dict[str, int] = {}
        updated: dict[str, datetime] = {}
        titles: dict[str, str] = {}
        fields = {"_id": 0, "db_id": 1, "index": 1, "created_at": 1}
        async for document in self.turns.find(owner, fields):
            room = document["db_id"]
            count[room] = count.get(room, 0) + 1
            first[room] = min(document["index"], first.get(room, document["index"]))
            updated[room] = max(document["created_at"], updated.get(room, document["created_at"]))
        for index in set(first.values()):
            beginnings = self.turns.find({**owner, "index": index}, {"_id": 0, "db_id": 1, "question": 1})
            async for document in beginnings:
                if first.get(document["db_id"]) == index:
                    titles[document["db_id"]] = title(document["question"])
        states: dict[str, RoomState] = {}
        async for document in self.states.find(owner).sort("version", 1):
            states[document["db_id"]] = state_of(document)
        lines = []
        for room, turns in count.items():
            state = states.get(room, RoomState())
            name = state.title or titles.get(room, "")
            lines.append(ListedRoom(UUID(room), name, turns, updated[room].astimezone(UTC), state.pinned))
        return sorted(lines, key=lambda line: (-line.updated_at.timestamp(), str(line.db_id)))

    async def delete_unused(self, owner: Document, older_than: datetime) -> int:
        """Delete the turns of a user's rooms that have none since that time, and return how many."""
        deleted = 0
        old = self.turns.find({**owner, "created_at": {"$lt": older_than}}, {"_id": 0, "db_id": 1})
        for db_id in {document["db_id"] async for document in old}:
            room = {**owner, "db_id": db_id}
            newer = {**room, "created_at": {"$gte": older_than}}
            if await self.turns.find_one(newer, {"_id": 1}) is None:
                result = await self.turns.delete_many({**room, "created_at": {"$lt": older_than}})
                deleted += int(result.deleted_count)
        return deleted

    async def forget_rooms_without_turns(self, older_than: datetime) -> None:
        """Delete states and tombstones from before that time whose rooms have no turn left.

        Summaries whose turns are gone go too: a kill may have left them.
        """
        for records in (self.states, self.tombstones):
            old = records.find({"created_at": {"$lt": older_than}}, {"_id": 0, **dict(_ROOM)})
            rooms = {tuple(document[name] for name, _ in _ROOM) async for document in old}
            for values in rooms:
                room = dict(zip((name for name, _ in _ROOM), values, strict=True))
                if await self.turns.find_one(room, {"_id": 1}) is None:
                    await records.delete_many({**room, "created_at": {"$lt": older_than}})
        batch: list[str] = []
        async for document in self.summaries.find({}, {"_id": 0, "turn": 1}):
            batch.append(document["turn"])
            if len(batch) == _BATCH:
                await self._delete_summaries_of_gone(batch)
                batch = []
        await self._delete_summaries_of_gone(batch)

    async def _delete_summaries_of_gone(self, turns: Sequence[str]) -> None:
        """Delete the summaries of those of the turns that are not there."""
        there = self.turns.find({"_id": {"$in": turns}}, {"_id": 1})
        gone = set(turns) - {document["_id"] async for document in there}
        if gone:
            await self.summaries.delete_many({"turn": {"$in": [*gone]}})
