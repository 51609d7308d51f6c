"""Summaries in the turns' SQLite file. One goes in the statement that deletes its turn, by a trigger."""
# ruff: noqa: S608 (every value is bound, every name in the text is a constant of this module)

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from chatbot.adapters.history.sqlite_rows import Values, of_milliseconds, to_milliseconds, values_of_room
from chatbot.adapters.history.sqlite_statements import IN_ROOM
from chatbot.domain.history import MOST_SUMMARIES, PathSummary, Room
from chatbot.domain.plaintext import mended

SCHEMA = """
CREATE TABLE IF NOT EXISTS summaries (
    id TEXT PRIMARY KEY NOT NULL,
    service TEXT NOT NULL,
    user_id TEXT NOT NULL,
    db_id TEXT NOT NULL,
    turn TEXT NOT NULL,
    text TEXT NOT NULL,
    edited INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS summaries_room ON summaries (service, user_id, db_id);
CREATE INDEX IF NOT EXISTS summaries_turn ON summaries (turn, created_ms);
CREATE TRIGGER IF NOT EXISTS summaries_go_with_turns AFTER DELETE ON turns BEGIN
    DELETE FROM summaries WHERE turn = OLD.id;
END;
"""

_OF_ROOM = f"""
SELECT id, turn, text, edited, created_ms FROM summaries WHERE {IN_ROOM} ORDER BY edited, created_ms, id
"""

_PUT = f"""
INSERT INTO summaries (id, service, user_id, db_id, turn, text, edited, created_ms)
SELECT :id, :service, :user_id, :db_id, :turn, :text, :edited, :created_ms
WHERE EXISTS (SELECT 1 FROM turns WHERE id = :turn AND {IN_ROOM})
ON CONFLICT (id) DO NOTHING
"""

_KNOWN = f"SELECT 1 FROM summaries WHERE id = :id AND turn = :turn AND {IN_ROOM}"

_FORGET = f"""
DELETE FROM summaries WHERE {IN_ROOM} AND (
    id NOT IN (
        SELECT id FROM summaries WHERE {IN_ROOM}
        ORDER BY edited DESC, created_ms DESC, id DESC LIMIT {MOST_SUMMARIES}
    )
    OR turn = :turn AND id <> (
        SELECT id FROM summaries WHERE turn = :turn ORDER BY edited DESC, created_ms DESC, id DESC LIMIT 1
    )
)
"""


class _Lent(Protocol):
    """What the store of turns does for this one."""

    async def select(self, statement: str, values: Values) -> list[tuple[Any, ...]]: ...

    async def change(self, statement: str, values: Values) -> int: ...

    async def delete(self, statement: str, values: Values) -> int: ...


class SqliteSummaries:
    """Summaries in a table of their own."""

    def __init__(self, database: _Lent) -> None:
        self._database = database

    async def of_room(self, room: Room) -> Sequence[PathSummary]:
        """As the port says; between an insert and what it forgets there are two of a turn."""
        chosen: dict[str, PathSummary] = {}
        for id_, turn, text, edited, created in await self._database.select(_OF_ROOM, values_of_room(room)):
            chosen[turn] = PathSummary(
                UUID(id_), room, UUID(turn), text, bool(edited), of_milliseconds(created)
            )
        return list(chosen.values())

    async def put(self, summary: PathSummary) -> bool:
        """As the port says."""
        values = {
            **values_of_room(summary.room),
            "id": str(summary.id),
            "turn": str(summary.turn),
            "text": mended(summary.text),
            "edited": summary.edited,
            "created_ms": to_milliseconds(summary.created_at),
        }
        if not (await self._database.change(_PUT, values) or await self._database.select(_KNOWN, values)):
            return False
        await self._database.delete(_FORGET, values)
        return True
