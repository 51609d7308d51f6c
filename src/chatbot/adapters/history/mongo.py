"""Turns in MongoDB: the one file that knows its driver, so that a change of driver stays in it.

Only inserts under a unique index are relied on: no update in place, no transaction, no TTL index, no
aggregation, so that any server of the protocol serves. A turn's id is its ``_id``: an insert whose
acknowledgement was lost finds itself when it is repeated. Values of strangers stand in filters as
strings compared for equality, never as operators.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from chatbot.adapters.history.records import storable
from chatbot.adapters.history.titles import title
from chatbot.domain.errors import StartupError
from chatbot.domain.history import HistoryUnavailable, NewTurn, Owner, Room, RoomSummary, Turn
from chatbot.domain.messages import ServiceName

COLLECTION = "turns"
OPERATION_SECONDS = 5.0
"""Longest silence of a connection: what a caller gave up on ends soon after, and frees its thread."""

INSERT_ATTEMPTS = 200
"""Index collisions before an insert gives up: each one means that somebody else's turn went in."""

_Document = dict[str, Any]
_INDEX = [("service", 1), ("user_id", 1), ("db_id", 1), ("index", 1)]


def _open(uri: str, timeout_seconds: float) -> Any:
    patience = max(timeout_seconds, OPERATION_SECONDS)
    try:
        return AsyncIOMotorClient(
            uri,
            appname="chatbot",
            tz_aware=True,
            # Whatever the address says: acknowledged is durable, and reads see what was written.
            w="majority",
            journal=True,
            readPreference="primary",
            # Repeating is done with the turn's id; the driver's own way asks for a replica set.
            retryWrites=False,
            serverSelectionTimeoutMS=round(timeout_seconds * 1000),
            connectTimeoutMS=round(timeout_seconds * 1000),
            waitQueueTimeoutMS=round(timeout_seconds * 1000),
            socketTimeoutMS=round(patience * 1000),
        )
    except (PyMongoError, ValueError) as error:
        # The class alone: the message may repeat parts of the address, which holds the password.
        raise StartupError(
            f"CHATBOT_HISTORY__MONGO_URI is not a usable MongoDB address ({type(error).__name__})"
        ) from None


@contextmanager
def _failures() -> Iterator[None]:
    """Turn the driver's errors into the port's; a turn that cannot be encoded is no outage."""
    try:
        yield
    except BSONError:
        raise
    except OperationFailure as error:
        raise HistoryUnavailable(f"{type(error).__name__} {error.code}") from error
    except (PyMongoError, OSError) as error:
        raise HistoryUnavailable(type(error).__name__) from error


def _key(room: Room) -> _Document:
    return {"service": str(room.service), "user_id": room.user_id, "db_id": str(room.db_id)}


def _turn(document: Mapping[str, Any]) -> Turn:
    return Turn(
        id=UUID(document["_id"]),
        room=Room(ServiceName(document["service"]), document["user_id"], UUID(document["db_id"])),
        index=document["index"],
        question=document["question"],
        answer=document["answer"],
        model=document["model"],
        created_at=document["created_at"].astimezone(UTC),
    )


class MongoTurnStore:
    """A TurnStore in one collection. Building it connects nothing; the first call does."""

    def __init__(self, uri: str, database: str, timeout_seconds: float) -> None:
        self._client = _open(uri, timeout_seconds)
        self._turns: Any = self._client[database][COLLECTION]
        self._indexed = False
        self._inserting: WeakValueDictionary[Room, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[Any, None]:
        """The collection, after its unique index is certain; checked anew after every failure."""
        try:
            with _failures():
                if not self._indexed:
                    await self._turns.create_index(_INDEX, unique=True, name="room")
                    self._indexed = True
                yield self._turns
        except HistoryUnavailable:
            self._indexed = False
            raise

    async def insert(self, turn: NewTurn) -> Turn:
        """As the port says; the unique index settles who got an index, the others take the next one."""
        turn = storable(turn)
        document = {
            "_id": str(turn.id),
            **_key(turn.room),
            "question": turn.question,
            "answer": turn.answer,
            "model": turn.model,
            "created_at": turn.created_at,
        }
        # Writers of this process take turns: colliding with oneself only costs round trips.
        lock = self._inserting.setdefault(turn.room, asyncio.Lock())
        async with lock, self._asking() as turns:
            for _ in range(INSERT_ATTEMPTS):
                last = await turns.find_one(_key(turn.room), {"index": 1}, sort=[("index", -1)])
                index = last["index"] + 1 if last else 1
                try:
                    await turns.insert_one({**document, "index": index})
                except DuplicateKeyError:
                    if stored := await turns.find_one({"_id": str(turn.id)}):
                        return _turn(stored)
                else:
                    return _turn({**document, "index": index})
        raise HistoryUnavailable("too many writers of one room")

    async def recent(self, room: Room, limit: int) -> Sequence[Turn]:
        """As the port says."""
        async with self._asking() as turns:
            found = await turns.find(_key(room)).sort("index", -1).limit(limit).to_list(limit)
        return [_turn(document) for document in reversed(found)]

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """As the port says."""
        async with self._asking() as turns:
            chosen = {**_key(room), "index": {"$gt": after}}
            found = await turns.find(chosen).sort("index", 1).limit(limit).to_list(limit)
        return [_turn(document) for document in found]

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[RoomSummary]:
        """As the port says; the server sends indexes and times only, and one question a room."""
        owner = {"service": str(service), "user_id": user_id}
        count: dict[str, int] = {}
        first: dict[str, int] = {}
        updated: dict[str, datetime] = {}
        titles: dict[str, str] = {}
        async with self._asking() as turns:
            fields = {"_id": 0, "db_id": 1, "index": 1, "created_at": 1}
            async for document in turns.find(owner, fields):
                room = document["db_id"]
                count[room] = count.get(room, 0) + 1
                first[room] = min(document["index"], first.get(room, document["index"]))
                updated[room] = max(document["created_at"], updated.get(room, document["created_at"]))
            for index in set(first.values()):
                beginnings = turns.find({**owner, "index": index}, {"_id": 0, "db_id": 1, "question": 1})
                async for document in beginnings:
                    if first.get(document["db_id"]) == index:
                        titles[document["db_id"]] = title(document["question"])
        lines = [
            RoomSummary(UUID(room), titles.get(room, ""), turns_, updated[room].astimezone(UTC))
            for room, turns_ in count.items()
        ]
        return sorted(lines, key=lambda line: (-line.updated_at.timestamp(), str(line.db_id)))

    async def owners(self) -> Sequence[Owner]:
        """As the port says; one look-up a service and one a user, each a jump along the index."""
        found: list[Owner] = []
        service = ""
        async with self._asking() as turns:

            async def next_value(field: str, chosen: _Document) -> str | None:
                document = await turns.find_one(chosen, {field: 1}, sort=[(field, 1)])
                return None if document is None else str(document[field])

            while service := await next_value("service", {"service": {"$gt": service}}) or "":
                user = ""
                while (
                    user := await next_value("user_id", {"service": service, "user_id": {"$gt": user}}) or ""
                ):
                    found.append(Owner(ServiceName(service), user))
        return found

    async def delete_turns(self, ids: Collection[UUID]) -> int:
        """As the port says."""
        return await self._delete({"_id": {"$in": [str(id_) for id_ in ids]}}) if ids else 0

    async def delete_room(self, room: Room) -> int:
        """As the port says."""
        return await self._delete(_key(room))

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        """As the port says."""
        return await self._delete({"service": str(service), "user_id": user_id})

    async def prune(self, older_than: datetime) -> int:
        """As the port says; a turn that arrives meanwhile is newer than what is deleted, so it stays."""
        deleted = 0
        for owner in await self.owners():
            user = {"service": str(owner.service), "user_id": owner.user_id}
            async with self._asking() as turns:
                old = turns.find({**user, "created_at": {"$lt": older_than}}, {"_id": 0, "db_id": 1})
                rooms = {document["db_id"] async for document in old}
                for db_id in rooms:
                    room = {**user, "db_id": db_id}
                    if await turns.find_one({**room, "created_at": {"$gte": older_than}}, {"_id": 1}) is None:
                        deleted += await self._delete({**room, "created_at": {"$lt": older_than}})
        return deleted

    async def ping(self) -> None:
        """As the port says."""
        with _failures():
            await self._client.admin.command("ping")
        async with self._asking():
            pass

    async def check_writable(self, *, by_writing: bool) -> None:
        """As the port says; what it can write is known to itself alone, so its answer must do."""
        if by_writing:
            await self.ping()

    async def close(self) -> None:
        """As the port says; operations that nobody waits for any more end by their own time limit."""
        self._client.close()

    async def _delete(self, chosen: _Document) -> int:
        async with self._asking() as turns:
            result = await turns.delete_many(chosen)
        return int(result.deleted_count)


async def read_documents(
    uri: str, database: str, timeout_seconds: float, prefixes: tuple[str, ...]
) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
    """All documents of another database's collections whose name begins with a prefix, with that name.

    Raises:
        HistoryUnavailable: the database cannot be read.
    """
    client = _open(uri, timeout_seconds)
    try:
        with _failures():
            names = await client[database].list_collection_names()
            for name in sorted(name for name in names if name.startswith(prefixes)):
                # One document is one room, so the ids fit in memory and each read has its own time limit.
                ids = [document["_id"] async for document in client[database][name].find({}, {"_id": 1})]
                for id_ in ids:
                    if document := await client[database][name].find_one({"_id": id_}):
                        yield name, document
    finally:
        client.close()
