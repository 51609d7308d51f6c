"""Characters in the SQLite file of the turns, each version a row; see domain/character_ports.py."""
# ruff: noqa: S608 (every value is bound, every name in the text is a constant of this module)

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from chatbot.adapters.history.sqlite_rows import Values, of_milliseconds, to_milliseconds, values_of_owner
from chatbot.adapters.history.sqlite_statements import OF_OWNER
from chatbot.domain.characters import CharacterLine, CharacterSheet, StoredCharacter
from chatbot.domain.history import Owner
from chatbot.domain.service_names import ServiceName

SCHEMA = """
CREATE TABLE IF NOT EXISTS characters (
    service TEXT NOT NULL,
    user_id TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    name TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    fields TEXT NOT NULL,
    avatar BLOB,
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (service, user_id, id, version)
) STRICT;
"""

_THIS = f"{OF_OWNER} AND id = :id"
_NEWEST = f"SELECT MAX(version) FROM characters WHERE {_THIS}"

# One statement looks for the version before and takes the next: nothing can come between.
_PUT = f"""
INSERT INTO characters (service, user_id, id, version, name, excerpt, fields, avatar, updated_ms)
SELECT :service, :user_id, :id, :version, :name, :excerpt, :fields, :avatar, :updated_ms
WHERE COALESCE(({_NEWEST}), 0) = :version - 1
"""
_FORGET = f"DELETE FROM characters WHERE {_THIS} AND version < :version"
_READ = f"""
SELECT version, fields, avatar, updated_ms FROM characters WHERE {_THIS} ORDER BY version DESC LIMIT 1
"""
_LINES = f"""
SELECT id, MAX(version), name, excerpt, updated_ms, avatar IS NOT NULL FROM characters
WHERE {OF_OWNER} GROUP BY id ORDER BY updated_ms DESC, id
"""
_COUNT = f"SELECT COUNT(DISTINCT id) FROM characters WHERE {OF_OWNER}"


class _Database(Protocol):
    """What the store of turns does for this one."""

    async def select(self, statement: str, values: Values) -> list[tuple[Any, ...]]: ...

    async def change(self, statement: str, values: Values) -> int: ...

    async def delete(self, statement: str, values: Values) -> int: ...


class SqliteCharacters:
    """Characters in a table of their own."""

    def __init__(self, database: _Database) -> None:
        self._database = database

    async def lines(self, owner: Owner) -> Sequence[CharacterLine]:
        """As the port says; pictures stay on the disk."""
        rows = await self._database.select(_LINES, values_of_owner(owner))
        return [
            CharacterLine(UUID(id_), version, name, excerpt, of_milliseconds(updated), bool(has_avatar))
            for id_, version, name, excerpt, updated, has_avatar in rows
        ]

    async def read(self, owner: Owner, id_: UUID) -> StoredCharacter | None:
        """As the port says."""
        for version, fields, avatar, updated in await self._database.select(_READ, _values(owner, id_)):
            character = await asyncio.to_thread(CharacterSheet.of_json, fields)
            return StoredCharacter(id_, version, character, of_milliseconds(updated), avatar)
        return None

    async def put(self, owner: Owner, stored: StoredCharacter) -> bool:
        """As the port says."""
        values = {
            **_values(owner, stored.id),
            "version": stored.version,
            "name": stored.character.name,
            "excerpt": stored.character.excerpt,
            "fields": stored.character.as_json(),
            "avatar": stored.avatar,
            "updated_ms": to_milliseconds(stored.updated_at),
        }
        if not await self._database.change(_PUT, values):
            return False
        if stored.version > 1:
            await self._database.delete(_FORGET, values)
        return True

    async def delete(self, owner: Owner, id_: UUID) -> int:
        """As the port says."""
        rows = await self._database.delete(f"DELETE FROM characters WHERE {_THIS}", _values(owner, id_))
        return min(rows, 1)

    async def delete_all(self, owner: Owner) -> int:
        """As the port says."""
        values = values_of_owner(owner)
        ((count,),) = await self._database.select(_COUNT, values)
        await self._database.delete(f"DELETE FROM characters WHERE {OF_OWNER}", values)
        return int(count)

    async def owners(self) -> Sequence[Owner]:
        """As the port says."""
        rows = await self._database.select(
            "SELECT DISTINCT service, user_id FROM characters ORDER BY 1, 2", {}
        )
        return [Owner(ServiceName(service), user_id) for service, user_id in rows]


def _values(owner: Owner, id_: UUID) -> Values:
    return {**values_of_owner(owner), "id": str(id_)}
