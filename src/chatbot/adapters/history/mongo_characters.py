"""Characters in MongoDB, each version a document; see domain/character_ports.py.

As with turns, only inserts under a unique index and deletes are relied on. What a stranger named stands in
one string of JSON, never in names of fields.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC
from typing import Any
from uuid import UUID, uuid4

from chatbot.adapters.history.mongo_documents import Collections, Document
from chatbot.domain.characters import CharacterLine, CharacterSheet, StoredCharacter
from chatbot.domain.history import Owner
from chatbot.domain.service_names import ServiceName


class MongoCharacters:
    """Characters in a collection of their own."""

    def __init__(
        self,
        asking: Callable[[], AbstractAsyncContextManager[Collections]],
        inserted: Callable[[Any, Document], Awaitable[bool]],
    ) -> None:
        """``asking`` gives the collections, ``inserted`` inserts and says whether the unique key was free."""
        self._asking = asking
        self._inserted = inserted

    async def lines(self, owner: Owner) -> Sequence[CharacterLine]:
        """As the port says; the server sends neither texts nor pictures."""
        fields = {"_id": 0, "character_id": 1, "version": 1, "name": 1, "excerpt": 1, "updated_at": 1}
        newest: dict[str, Document] = {}
        async with self._asking() as found:
            chosen = found.characters.find(_of(owner), {**fields, "has_avatar": 1}).sort("version", 1)
            async for document in chosen:
                newest[document["character_id"]] = document
        lines = [
            CharacterLine(
                UUID(id_),
                document["version"],
                document["name"],
                document["excerpt"],
                document["updated_at"].astimezone(UTC),
                document["has_avatar"],
            )
            for id_, document in newest.items()
        ]
        return sorted(lines, key=lambda line: (-line.updated_at.timestamp(), str(line.id)))

    async def read(self, owner: Owner, id_: UUID) -> StoredCharacter | None:
        """As the port says."""
        async with self._asking() as found:
            document = await found.characters.find_one(_of(owner, id_), sort=[("version", -1)])
        if document is None:
            return None
        avatar = document["avatar"]
        return StoredCharacter(
            id_,
            document["version"],
            await asyncio.to_thread(CharacterSheet.of_json, document["fields"]),
            document["updated_at"].astimezone(UTC),
            None if avatar is None else bytes(avatar),
        )

    async def put(self, owner: Owner, stored: StoredCharacter) -> bool:
        """As the port says.

        The index lets one writer have a version. Whether it follows the newest is looked at afterwards: where
        the version before is gone or a later one is there, the character was deleted or has gone on.
        """
        chosen, mine = _of(owner, stored.id), str(uuid4())
        document = {
            **chosen,
            "_id": mine,
            "version": stored.version,
            "name": stored.character.name,
            "excerpt": stored.character.excerpt,
            "fields": stored.character.as_json(),
            "avatar": stored.avatar,
            "has_avatar": stored.avatar is not None,
            "updated_at": stored.updated_at,
        }
        async with self._asking() as found:
            if not await self._inserted(found.characters, document):
                return False
            if stored.version == 1:
                return True
            latest = {**chosen, "version": {"$gte": stored.version - 1}}
            there = {one["version"] async for one in found.characters.find(latest, {"version": 1})}
            if there != {stored.version - 1, stored.version}:
                await found.characters.delete_one({"_id": mine})
                return False
            await found.characters.delete_many({**chosen, "version": {"$lt": stored.version}})
        return True

    async def delete(self, owner: Owner, id_: UUID) -> int:
        """As the port says; a version that was being stored at that moment goes too."""
        deleted = 0
        async with self._asking() as found:
            while count := (await found.characters.delete_many(_of(owner, id_))).deleted_count:
                deleted += count
        return min(deleted, 1)

    async def delete_all(self, owner: Owner) -> int:
        """As the port says."""
        return sum([await self.delete(owner, line.id) for line in await self.lines(owner)])

    async def owners(self) -> Sequence[Owner]:
        """As the port says."""
        owners: dict[Owner, None] = {}
        async with self._asking() as found:
            async for document in found.characters.find({}, {"_id": 0, "service": 1, "user_id": 1}):
                owners[Owner(ServiceName(document["service"]), document["user_id"])] = None
        return sorted(owners, key=lambda owner: (owner.service, owner.user_id))


def _of(owner: Owner, id_: UUID | None = None) -> Document:
    """What chooses the documents of a user's characters, or of one."""
    chosen: Document = {"service": str(owner.service), "user_id": owner.user_id}
    return chosen if id_ is None else {**chosen, "character_id": str(id_)}
