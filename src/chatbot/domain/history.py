"""Turns as they are stored, and the port that stores them.

One collection of turns keyed (service, user_id, db_id, index), inserted once under a unique index by the
service that answered: nothing is updated in place, so a kill can lose or double nothing.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from chatbot.domain.messages import ServiceName


@dataclass(frozen=True, slots=True)
class Room:
    """The identity of one conversation: a ``db_id`` belongs to one user of one service."""

    service: ServiceName
    user_id: str
    db_id: UUID


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose rooms: one user of one service."""

    service: ServiceName
    user_id: str


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A turn to store. ``id`` is made by the writer: a retry with the same id stores it once.

    ``created_at`` has a timezone; stores keep its milliseconds.
    """

    id: UUID
    room: Room
    question: str
    answer: str
    model: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """A stored turn; ``index`` counts from 1 in its room, without gaps at the time of writing.

    ``created_at`` is UTC.
    """

    id: UUID
    room: Room
    index: int
    question: str
    answer: str
    model: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RoomSummary:
    """One line of a user's room list; ``title`` is the start of the first question."""

    db_id: UUID
    title: str
    turns: int
    updated_at: datetime


class Stored(StrEnum):
    """Where a turn is now: in the database, or safely kept on disk until the database is back."""

    DATABASE = "database"
    KEPT = "kept"


class Recalled(StrEnum):
    """Whether a recall is complete: whole, or only what this process can reach without the database."""

    WHOLE = "whole"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Recollection:
    """The room's most recent turns, oldest first, and whether the database could be asked."""

    turns: tuple[Turn, ...]
    state: Recalled = Recalled.WHOLE


class HistoryUnavailable(Exception):
    """The database did not answer in time or refused; raised by stores, handled by whoever keeps turns.

    ``str()`` names the kind of failure only, never an address or a text: it is logged.
    """


class TurnStore(Protocol):
    """A database of turns. Every method may raise HistoryUnavailable; none blocks the event loop.

    A call that fails or is cancelled may still take effect later: callers repeat inserts with the same id
    and repeat deletes.
    """

    async def insert(self, turn: NewTurn) -> Turn:
        """Store the turn under the room's next free index and return it.

        The same ``id`` again returns the turn as stored before. Concurrent writers each get an index of
        their own.
        """
        ...

    async def recent(self, room: Room, limit: int) -> Sequence[Turn]:
        """The room's last ``limit`` turns, oldest first; empty for an unknown room."""
        ...

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """Up to ``limit`` turns with an index above ``after``, oldest first."""
        ...

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[RoomSummary]:
        """All rooms of the user, most recently used first."""
        ...

    async def owners(self) -> Sequence[Owner]:
        """Everybody who has turns."""
        ...

    async def delete_turns(self, ids: Collection[UUID]) -> int:
        """Delete turns by their ids and return how many there were; unknown ids are no error."""
        ...

    async def delete_room(self, room: Room) -> int:
        """Delete the room's turns and return how many there were."""
        ...

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        """Delete all turns of the user and return how many there were."""
        ...

    async def prune(self, older_than: datetime) -> int:
        """Delete rooms whose last turn is older than the given time; returns the number of turns."""
        ...

    async def ping(self) -> None:
        """Return when the database answers and holds its unique index; else raise HistoryUnavailable."""
        ...

    async def check_writable(self, *, by_writing: bool) -> None:
        """Return when a turn could be inserted into a database that answers; else raise HistoryUnavailable.

        Looks at what is free of the disk, if that is this machine's. ``by_writing`` tries it too, by a few
        bytes that change nothing: a disk may refuse although it has room.
        """
        ...

    async def close(self) -> None:
        """Release connections and files."""
        ...


class ChatHistory(Protocol):
    """What the chat path asks of history: an answer never waits long for it, and no turn is forgotten.

    ``recall`` and ``remember`` work while the database is away. Everything else raises HistoryUnavailable
    then: half a list would look whole, and a delete that has not happened must not look done.
    """

    async def recall(self, room: Room, limit: int) -> Recollection:
        """The room's last ``limit`` turns within the time budget, kept turns included."""
        ...

    def can_store(self) -> bool:
        """Whether a turn could be stored somewhere, as last found out: asks and writes nothing."""
        ...

    async def remember(self, turn: NewTurn) -> Stored:
        """Store the turn, or keep it in an fsynced file; returns only when one of the two is done.

        Raises:
            HistoryUnavailable: neither worked, the disk is full too.
        """
        ...

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """As TurnStore.page, kept turns included."""
        ...

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[RoomSummary]:
        """As TurnStore.rooms, kept turns included."""
        ...

    def export(self, service: ServiceName, user_id: str) -> AsyncIterator[Turn]:
        """All turns of all rooms of the user, room by room, oldest first, kept turns included."""
        ...

    async def delete_room(self, room: Room) -> int:
        """Delete the room everywhere, kept turns included; returns how many turns there were."""
        ...

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        """Delete everything of the user, kept turns included; returns how many turns there were."""
        ...

    def pending(self) -> int:
        """How many kept turns wait to be written to the database."""
        ...

    async def ping(self) -> None:
        """Return when the database answers; raise HistoryUnavailable when it does not."""
        ...

    async def close(self) -> None:
        """Write what can be written and release everything."""
        ...
