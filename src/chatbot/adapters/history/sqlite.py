"""Turns in one SQLite file: the store of a machine without a MongoDB address.

Every change is one statement, so that neither a kill nor a second process can see or leave half of it. WAL
lets reads go on while a turn is written; synchronous=FULL makes an acknowledged turn survive a power cut;
secure_delete overwrites what is deleted.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import UUID

import aiosqlite

from chatbot.adapters.history.disk import check_room
from chatbot.adapters.history.records import storable
from chatbot.adapters.history.titles import title
from chatbot.domain.history import HistoryUnavailable, NewTurn, Owner, Room, RoomSummary, Turn
from chatbot.domain.messages import ServiceName

BUSY_SECONDS = 2.0
"""How long a statement waits for another process that writes; the caller's time budget may be shorter."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS turns (
    id TEXT PRIMARY KEY NOT NULL,
    service TEXT NOT NULL,
    user_id TEXT NOT NULL,
    db_id TEXT NOT NULL,
    turn_index INTEGER NOT NULL,
    question TEXT NOT NULL,
    answer TEXT NOT NULL,
    model TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS turns_room ON turns (service, user_id, db_id, turn_index);
"""

_COLUMNS = "id, service, user_id, db_id, turn_index, question, answer, model, created_ms"
_ROOM = "service = :service AND user_id = :user_id AND db_id = :db_id"

_INSERT = f"""
INSERT INTO turns ({_COLUMNS})
SELECT
    :id, :service, :user_id, :db_id, COALESCE(MAX(turn_index), 0) + 1,
    :question, :answer, :model, :created_ms
FROM turns WHERE {_ROOM}
ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 (constants of this module; values are bound)

_ROOMS = """
SELECT db_id, COUNT(*), MAX(created_ms), (
    SELECT question FROM turns AS first
    WHERE first.service = turns.service AND first.user_id = turns.user_id AND first.db_id = turns.db_id
    ORDER BY first.turn_index LIMIT 1
)
FROM turns WHERE service = ? AND user_id = ?
GROUP BY db_id ORDER BY MAX(created_ms) DESC, db_id
"""

_PRUNE = """
DELETE FROM turns WHERE (service, user_id, db_id) IN (
    SELECT service, user_id, db_id FROM turns GROUP BY service, user_id, db_id HAVING MAX(created_ms) < ?
)
"""

_Row = tuple[str, str, str, str, int, str, str, str, int]


def _milliseconds(time: datetime) -> int:
    return round(time.timestamp() * 1000)


def _time(milliseconds: int) -> datetime:
    seconds, rest = divmod(milliseconds, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def _turn(row: _Row) -> Turn:
    id_, service, user_id, db_id, index, question, answer, model, created = row
    room = Room(ServiceName(service), user_id, UUID(db_id))
    return Turn(UUID(id_), room, index, question, answer, model, _time(created))


def _key(room: Room) -> dict[str, object]:
    return {"service": str(room.service), "user_id": room.user_id, "db_id": str(room.db_id)}


@contextmanager
def _failures() -> Iterator[None]:
    """Turn the library's errors into the port's; a closed connection is a ValueError there."""
    try:
        yield
    except (sqlite3.Error, ValueError) as error:
        if isinstance(error, UnicodeError):
            raise
        raise HistoryUnavailable(type(error).__name__) from error


class SqliteTurnStore:
    """A TurnStore in an SQLite file. Build it with ``open``."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._path = path
        self._writer = writer
        self._reader = reader

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make the file, readable by its owner only.

        Raises:
            OSError, sqlite3.Error: the file cannot be used.
        """
        # At DEBUG the library logs every statement with its values, which are chat text.
        logging.getLogger("aiosqlite").setLevel(logging.WARNING)
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        writer = await aiosqlite.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                await writer.execute(f"PRAGMA {pragma}")
            await writer.executescript(_SCHEMA)
            reader = await aiosqlite.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        except BaseException:
            await writer.close()
            raise
        return cls(path, writer, reader)

    async def insert(self, turn: NewTurn) -> Turn:
        """As the port says; one statement finds the index and takes it."""
        turn = storable(turn)
        values = {
            **_key(turn.room),
            "id": str(turn.id),
            "question": turn.question,
            "answer": turn.answer,
            "model": turn.model,
            "created_ms": _milliseconds(turn.created_at),
        }
        with _failures():
            await self._writer.execute(_INSERT, values)
        stored = await self._turns("WHERE id = :id", {"id": str(turn.id)})
        if not stored:
            raise HistoryUnavailable("deleted meanwhile")
        return stored[0]

    async def recent(self, room: Room, limit: int) -> Sequence[Turn]:
        """As the port says."""
        clause = f"WHERE {_ROOM} ORDER BY turn_index DESC LIMIT :limit"
        return (await self._turns(clause, {**_key(room), "limit": limit}))[::-1]

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """As the port says."""
        clause = f"WHERE {_ROOM} AND turn_index > :after ORDER BY turn_index LIMIT :limit"
        return await self._turns(clause, {**_key(room), "after": after, "limit": limit})

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[RoomSummary]:
        """As the port says."""
        with _failures():
            rows = await self._reader.execute_fetchall(_ROOMS, (str(service), user_id))
        return [
            RoomSummary(UUID(db_id), title(question), turns, _time(updated))
            for db_id, turns, updated, question in rows
        ]

    async def owners(self) -> Sequence[Owner]:
        """As the port says."""
        with _failures():
            rows = await self._reader.execute_fetchall(
                "SELECT DISTINCT service, user_id FROM turns ORDER BY 1, 2"
            )
        return [Owner(ServiceName(service), user_id) for service, user_id in rows]

    async def delete_turns(self, ids: Collection[UUID]) -> int:
        """As the port says."""
        return sum([await self._delete("DELETE FROM turns WHERE id = :id", {"id": str(id_)}) for id_ in ids])

    async def delete_room(self, room: Room) -> int:
        """As the port says."""
        return await self._delete(f"DELETE FROM turns WHERE {_ROOM}", _key(room))  # noqa: S608

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        """As the port says."""
        return await self._delete(
            "DELETE FROM turns WHERE service = :service AND user_id = :user_id",
            {"service": str(service), "user_id": user_id},
        )

    async def prune(self, older_than: datetime) -> int:
        """As the port says."""
        return await self._delete(_PRUNE, (_milliseconds(older_than),))

    async def ping(self) -> None:
        """As the port says; the index was made at opening."""
        with _failures():
            await self._reader.execute_fetchall("SELECT 1 FROM turns LIMIT 1")

    async def check_writable(self, *, by_writing: bool) -> None:
        """As the port says; the trial sets a number of the file's head to what it is."""
        try:
            await asyncio.to_thread(check_room, self._path.parent)
        except OSError as error:
            raise HistoryUnavailable("the disk is full") from error
        if by_writing:
            with _failures():
                await self._writer.execute("PRAGMA user_version = 0")

    async def close(self) -> None:
        """As the port says."""
        for connection in (self._reader, self._writer):
            with suppress(sqlite3.Error, ValueError):
                await connection.close()

    async def _turns(self, clause: str, values: dict[str, object]) -> list[Turn]:
        with _failures():
            rows = await self._reader.execute_fetchall(f"SELECT {_COLUMNS} FROM turns {clause}", values)  # noqa: S608
            return [_turn(tuple(row)) for row in rows]

    async def _delete(self, statement: str, values: dict[str, object] | tuple[object, ...]) -> int:
        with _failures():
            cursor = await self._writer.execute(statement, values)
            deleted = cursor.rowcount
            await cursor.close()
        if deleted:
            # Until a checkpoint the log still holds the text; a busy reader only delays that.
            with suppress(sqlite3.Error, ValueError):
                await self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return deleted
