"""Turns in MongoDB: the one file that knows its driver, so that a change of driver stays in it.

Only inserts under a unique index are relied on: no update in place, no transaction, no TTL index, no
aggregation, so that any server of the protocol serves. A turn's id is its ``_id``: an insert whose
acknowledgement was lost finds itself when it is repeated. Values of strangers stand in filters as
strings compared for equality, never as operators.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from bson.errors import BSONError
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from chatbot.adapters.history.mongo_characters import MongoCharacters
from chatbot.adapters.history.mongo_documents import (
    Collections,
    Document,
    key,
    state_document,
    state_of,
    turn_of,
    with_parents,
)
from chatbot.adapters.history.mongo_summaries import MongoSummaries
from chatbot.adapters.history.records import storable
from chatbot.domain.branches import TurnNode
from chatbot.domain.errors import StartupError
from chatbot.domain.history import (
    HistoryUnavailable,
    ListedRoom,
    NewTurn,
    Owner,
    Room,
    RoomState,
    Turn,
)
from chatbot.domain.history_ports import MOST_CHARS
from chatbot.domain.service_names import ServiceName

OPERATION_SECONDS = 5.0
"""Longest silence of a connection: what a caller gave up on ends soon after, and frees its thread."""

INSERT_ATTEMPTS = 200
"""Index collisions before an insert gives up: each one means that somebody else's turn went in."""


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


async def _inserted(collection: Any, document: Document) -> bool:
    """Insert a document; False when its unique key is taken."""
    try:
        await collection.insert_one(document)
    except DuplicateKeyError:
        return False
    return True


class MongoTurnStore:
    """A TurnStore and its characters. Building it connects nothing; the first call does."""

    def __init__(self, uri: str, database: str, timeout_seconds: float) -> None:
        self._client = _open(uri, timeout_seconds)
        found = self._client[database]
        self._collections = Collections(
            found["turns"], found["room_states"], found["tombstones"], found["characters"], found["summaries"]
        )
        self.characters = MongoCharacters(self._asking, _inserted)
        self.summaries = MongoSummaries(self._asking, _inserted)
        self._indexed = False
        self._inserting: WeakValueDictionary[Room, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[Collections, None]:
        """The collections, after their unique indexes are certain; checked anew after every failure."""
        try:
            with _failures():
                if not self._indexed:
                    await self._collections.make_indexes()
                    self._indexed = True
                yield self._collections
        except HistoryUnavailable:
            self._indexed = False
            raise

    async def insert(self, turn: NewTurn) -> Turn | None:
        """As the port says; the unique index settles who got an index, the others look and try again."""
        turn = storable(turn)
        # Writers of this process take turns: colliding with oneself only costs round trips.
        lock = self._inserting.setdefault(turn.room, asyncio.Lock())
        async with lock, self._asking() as found:
            for _ in range(INSERT_ATTEMPTS):
                if await found.buried(turn):
                    return None
                document = await found.placed(turn)
                try:
                    await found.turns.insert_one(document)
                except DuplicateKeyError:
                    if stored := await found.turns.find_one({"_id": str(turn.id)}):
                        return (await found.read([stored]))[0]
                    continue
                if await found.tombstones.find_one({"_id": document["parent"]}) is None:
                    return turn_of(document)
                # Its parent was buried at this moment: whoever named it goes with it, others look again when
                # that delete is done.
                await found.turns.delete_one({"_id": str(turn.id)})
                await found.finish_burials(turn.room)
        raise HistoryUnavailable("too many writers of one room")

    async def end(self, room: Room) -> UUID | None:
        """As the port says."""
        async with self._asking() as found:
            end = await found.end(room)
        return UUID(end) if end else None

    async def recent(
        self, room: Room, limit: int, upto: UUID | None = None, chars: int = MOST_CHARS
    ) -> Sequence[Turn]:
        """As the port says."""
        async with self._asking() as found:
            chosen = key(room)
            if upto is not None:
                last = await found.turns.find_one({"_id": str(upto), **chosen}, {"index": 1})
                if last is None:
                    return []
                chosen["index"] = {"$lte": last["index"]}
            return await found.read(await found.last(chosen, limit, chars))

    async def outline(self, room: Room) -> Sequence[TurnNode]:
        """As the port says."""
        fields = {"index": 1, "parent": 1}
        async with self._asking() as found:
            documents = await found.turns.find(key(room), fields).sort("index", 1).to_list(None)
        return [
            TurnNode(UUID(document["_id"]), document["index"], UUID(parent) if parent else None)
            for document, parent in with_parents(documents)
        ]

    async def read(self, room: Room, ids: Collection[UUID]) -> Sequence[Turn]:
        """As the port says."""
        chosen = {"_id": {"$in": [str(id_) for id_ in ids]}, **key(room)}
        async with self._asking() as found:
            documents = await found.turns.find(chosen).sort("index", 1).to_list(None)
            return await found.read(documents)

    async def bury(self, room: Room, ids: Collection[UUID]) -> int:
        """As the port says."""
        async with self._asking() as found:
            await found.bury(room, ids)
        return await self.delete_turns(ids)

    async def state(self, room: Room) -> RoomState:
        """As the port says."""
        async with self._asking() as found:
            return state_of(await found.state(room))

    async def put_state(self, room: Room, state: RoomState) -> bool:
        """As the port says."""
        async with self._asking() as found:
            if not await _inserted(found.states, state_document(room, state)):
                return False
            await found.states.delete_many({**key(room), "version": {"$lt": state.version}})
        return True

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """As the port says."""
        async with self._asking() as found:
            chosen = {**key(room), "index": {"$gt": after}}
            return await found.read(
                await found.turns.find(chosen).sort("index", 1).limit(limit).to_list(limit)
            )

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        """As the port says."""
        async with self._asking() as found:
            return await found.listed({"service": str(service), "user_id": user_id})

    async def owners(self) -> Sequence[Owner]:
        """As the port says; one look-up a service and one a user, each a jump along the index."""
        found: list[Owner] = []
        service = ""
        async with self._asking() as asked:

            async def next_value(field: str, chosen: Document) -> str | None:
                document = await asked.turns.find_one(chosen, {field: 1}, sort=[(field, 1)])
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
        if not ids:
            return 0
        async with self._asking() as found:
            return await found.delete_turns([str(id_) for id_ in ids])

    async def delete_room(self, room: Room) -> int:
        """As the port says."""
        return await self._delete(key(room))

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        """As the port says."""
        return await self._delete({"service": str(service), "user_id": user_id})

    async def prune(self, older_than: datetime) -> int:
        """As the port says; a turn that arrives meanwhile is newer than what is deleted, so it stays."""
        deleted = 0
        for owner in await self.owners():
            async with self._asking() as found:
                deleted += await found.delete_unused(
                    {"service": str(owner.service), "user_id": owner.user_id}, older_than
                )
        async with self._asking() as found:
            await found.forget_rooms_without_turns(older_than)
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

    async def _delete(self, chosen: Document) -> int:
        async with self._asking() as found:
            result = await found.turns.delete_many(chosen)
            await found.summaries.delete_many(chosen)
            await found.states.delete_many(chosen)
            await found.tombstones.delete_many(chosen)
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
