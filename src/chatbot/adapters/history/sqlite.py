"""Turns in one SQLite file: the store of a machine without a MongoDB address.

Every change is one statement, so that neither a kill nor a second process can see or leave half of it. WAL
lets reads go on while a turn is written; synchronous=FULL makes an acknowledged turn survive a power cut;
secure_delete overwrites what is deleted.
"""

import asyncio
import json
import logging
import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import aiosqlite

from chatbot.adapters.history import sqlite_statements as sql
from chatbot.adapters.history.disk import check_room
from chatbot.adapters.history.records import storable
from chatbot.adapters.history.sqlite_characters import SCHEMA as CHARACTERS_SCHEMA
from chatbot.adapters.history.sqlite_characters import SqliteCharacters
from chatbot.adapters.history.sqlite_rows import (
    Values,
    json_of,
    now,
    of_milliseconds,
    state_of_row,
    to_milliseconds,
    turn_of_row,
    values_of_owner,
    values_of_room,
    values_of_state,
)
from chatbot.adapters.history.sqlite_summaries import SCHEMA as SUMMARIES_SCHEMA
from chatbot.adapters.history.sqlite_summaries import SqliteSummaries
from chatbot.adapters.history.titles import title
from chatbot.domain.branches import TurnNode
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

BUSY_SECONDS = 2.0
"""How long a statement waits for another process that writes; the caller's time budget may be shorter."""


@contextmanager
def _failures() -> Iterator[None]:
    """Turn the library's errors into the port's; a closed connection is a ValueError there."""
    try:
        yield
    except (sqlite3.Error, ValueError) as error:
        if isinstance(error, UnicodeError):
            raise
        raise HistoryUnavailable(type(error).__name__) from error


async def _add_columns(writer: aiosqlite.Connection) -> None:
    """Give a file from before the columns that it lacks; another process may do it at the same moment."""
    for table, columns in sql.ADDED_COLUMNS.items():
        for column, type_ in columns.items():
            with suppress(sqlite3.OperationalError):
                await writer.execute(f"ALTER TABLE {table} ADD COLUMN {column} {type_}")
        await writer.execute(f"SELECT {', '.join(columns)} FROM {table} LIMIT 0")  # noqa: S608 (constants)


class SqliteTurnStore:
    """A TurnStore in an SQLite file. Build it with ``open``."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._path = path
        self._writer = writer
        self._reader = reader
        self.characters = SqliteCharacters(self)
        self.summaries = SqliteSummaries(self)

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
            await writer.executescript(sql.SCHEMA + SUMMARIES_SCHEMA + CHARACTERS_SCHEMA)
            await _add_columns(writer)
            reader = await aiosqlite.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        except BaseException:
            await writer.close()
            raise
        return cls(path, writer, reader)

    async def insert(self, turn: NewTurn) -> Turn | None:
        """As the port says; one statement finds the index and the place and takes them."""
        turn = storable(turn)
        named = turn.after if isinstance(turn.after, UUID) else None
        values = {
            **values_of_room(turn.room),
            "id": str(turn.id),
            "question": turn.question,
            "answer": turn.answer,
            "model": turn.model,
            "created_ms": to_milliseconds(turn.created_at),
            "begins": turn.after is None,
            "after": None if named is None else str(named),
            "finish_reason": turn.reason,
            "asked_with": None if turn.asked_with is None else json.dumps(turn.asked_with),
            "turns_read": turn.turns_read,
        }
        with _failures():
            await self._writer.execute(sql.INSERT, values)
        stored = await self._turns("WHERE id = :id", {"id": str(turn.id)})
        return stored[0] if stored else None

    async def end(self, room: Room) -> UUID | None:
        """As the port says."""
        with _failures():
            ((found,),) = await self._reader.execute_fetchall(f"SELECT {sql.END}", values_of_room(room))
        return UUID(found) if found else None

    async def recent(
        self, room: Room, limit: int, upto: UUID | None = None, chars: int = MOST_CHARS
    ) -> Sequence[Turn]:
        """As the port says."""
        bound = f"(SELECT turn_index FROM turns WHERE id = :upto AND {sql.IN_ROOM})"  # noqa: S608 (constants)
        chosen = sql.WITHIN.format(chosen=f"{sql.IN_ROOM} {f'AND turn_index <= {bound}' if upto else ''}")
        values = {**values_of_room(room), "limit": limit, "upto": str(upto), "chars": chars}
        return await self._turns(f"WHERE {chosen} ORDER BY turn_index", values)

    async def outline(self, room: Room) -> Sequence[TurnNode]:
        """As the port says."""
        statement = f"SELECT id, turn_index, {sql.PARENT} FROM turns WHERE {sql.IN_ROOM} ORDER BY turn_index"  # noqa: S608
        with _failures():
            rows = await self._reader.execute_fetchall(statement, values_of_room(room))
        return [TurnNode(UUID(id_), index, UUID(parent) if parent else None) for id_, index, parent in rows]

    async def read(self, room: Room, ids: Collection[UUID]) -> Sequence[Turn]:
        """As the port says."""
        clause = f"WHERE {sql.IN_ROOM} AND id {sql.GIVEN} ORDER BY turn_index"
        return await self._turns(clause, {**values_of_room(room), "ids": json_of(ids)})

    async def bury(self, room: Room, ids: Collection[UUID]) -> int:
        """As the port says; a turn that is stored between the two statements finds its tombstone."""
        with _failures():
            await self._writer.execute(
                sql.BURY, {**values_of_room(room), "ids": json_of(ids), "created_ms": now()}
            )
        return await self.delete_turns(ids)

    async def state(self, room: Room) -> RoomState:
        """As the port says."""
        with _failures():
            rows = list(await self._reader.execute_fetchall(sql.STATE, values_of_room(room)))
        return state_of_row(tuple(rows[0])) if rows else RoomState()

    async def put_state(self, room: Room, state: RoomState) -> bool:
        """As the port says."""
        values = values_of_state(room, state)
        with _failures():
            taken = await self._writer.execute(sql.PUT_STATE, values)
            await self._writer.execute(sql.FORGET_STATES, values)
        return taken.rowcount == 1

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """As the port says."""
        clause = f"WHERE {sql.IN_ROOM} AND turn_index > :after ORDER BY turn_index LIMIT :limit"
        return await self._turns(clause, {**values_of_room(room), "after": after, "limit": limit})

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        """As the port says."""
        with _failures():
            rows = await self._reader.execute_fetchall(sql.ROOMS, values_of_owner(Owner(service, user_id)))
        return [
            ListedRoom(UUID(db_id), named or title(question), turns, of_milliseconds(updated), bool(pinned))
            for db_id, turns, updated, question, named, pinned in rows
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
        return await self.delete(sql.DELETE_TURNS, {"ids": json_of(ids)}) if ids else 0

    async def delete_room(self, room: Room) -> int:
        """As the port says."""
        return await self._delete_everywhere(sql.IN_ROOM, values_of_room(room))

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        """As the port says."""
        return await self._delete_everywhere(sql.OF_OWNER, values_of_owner(Owner(service, user_id)))

    async def prune(self, older_than: datetime) -> int:
        """As the port says."""
        deleted = await self.delete(sql.PRUNE, (to_milliseconds(older_than),))
        for table in sql.TABLES[1:]:
            await self.delete(sql.FORGET.format(table=table), (to_milliseconds(older_than),))
        return deleted

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

    async def _turns(self, clause: str, values: Values) -> list[Turn]:
        statement = f"SELECT {sql.COLUMNS} FROM turns {clause}"  # noqa: S608 (constants)
        return [turn_of_row(row) for row in await self.select(statement, values)]

    async def _delete_everywhere(self, chosen: str, values: Values) -> int:
        turns, *_ = [
            await self.delete(f"DELETE FROM {table} WHERE {chosen}", values)  # noqa: S608 (constants)
            for table in sql.TABLES
        ]
        return turns

    async def select(self, statement: str, values: Values) -> list[tuple[Any, ...]]:
        """The rows of a statement that reads.

        Raises:
            HistoryUnavailable: the file cannot be read.
        """
        with _failures():
            return [tuple(row) for row in await self._reader.execute_fetchall(statement, values)]

    async def change(self, statement: str, values: Values) -> int:
        """How many rows a statement has changed.

        Raises:
            HistoryUnavailable: the file cannot be written.
        """
        with _failures():
            return (await self._writer.execute(statement, values)).rowcount

    async def delete(self, statement: str, values: Values | tuple[object, ...]) -> int:
        """How many rows a statement has deleted; their bytes are overwritten."""
        with _failures():
            cursor = await self._writer.execute(statement, values)
            deleted = cursor.rowcount
            await cursor.close()
        if deleted:
            # Until a checkpoint the log still holds the text; a busy reader only delays that.
            with suppress(sqlite3.Error, ValueError):
                await self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return deleted
