"""Turns as they are stored.

One collection of turns keyed (service, user_id, db_id, index), inserted once under a unique index by the
service that answered: nothing is updated in place, so a kill can lose or double nothing. A turn names the one
that it follows, so a room is a tree (docs/decisions/13-branches.md).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final, Literal
from uuid import UUID

from chatbot.domain.messages import FinishReason
from chatbot.domain.service_names import ServiceName


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


class AtEnd(Enum):
    """A place in a room that is found when a turn is stored."""

    AT_END = "end"


AT_END: Final = AtEnd.AT_END
After = UUID | None | Literal[AtEnd.AT_END]
"""Where in its room a turn goes: after a turn, first of all (None), or after the room's end."""


AskedWith = Mapping[str, str | int | float]
"""Fields of a request, beside its question, that the next question of its room is to be asked with too."""


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A turn to store. ``id`` is made by the writer: a retry with the same id stores it once.

    ``created_at`` has a timezone; stores keep its milliseconds. ``after`` a turn that is not in the room
    (any more) means its end. ``reason`` says why the answer ended; None: nobody wrote it down. ``asked_with``
    None: as the turns before it. ``turns_read`` is how many of the turns right before it entered its prompt;
    None: nobody wrote it down.
    """

    id: UUID
    room: Room
    question: str
    answer: str
    model: str
    created_at: datetime
    after: After = AT_END
    reason: FinishReason | None = None
    asked_with: AskedWith | None = field(default=None, hash=False)
    turns_read: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A stored turn; ``index`` counts from 1 in its room in the order of storing.

    ``created_at`` is UTC. ``parent`` is the turn that it follows; None: it begins a path. ``turns_read`` is
    as in a new turn.
    """

    id: UUID
    room: Room
    index: int
    question: str
    answer: str
    model: str
    created_at: datetime
    parent: UUID | None = None
    reason: FinishReason | None = None
    asked_with: AskedWith | None = field(default=None, hash=False)
    turns_read: int | None = None


def chars_of(turns: Iterable[Turn | NewTurn]) -> int:
    """Characters of what turns say."""
    return sum(len(turn.question) + len(turn.answer) for turn in turns)


def last_asked_with(path: Iterable[Turn]) -> AskedWith:
    """What the last turn of a path was asked with; nothing when no turn of it says so."""
    said = [turn.asked_with for turn in path if turn.asked_with is not None]
    return said[-1] if said else {}


@dataclass(frozen=True, slots=True)
class RoomState:
    """What a user chose for a room; each change is a new state, and the newest ``version`` counts."""

    version: int = 0
    """0: nothing was chosen yet."""

    title: str | None = None
    """What the room is called; None: the start of its first question."""

    pinned: bool = False
    """Whether it stands above the others."""

    end: UUID | None = None
    """The turn at which the current path ends, as long as ``newest`` is the turn that was stored last."""

    newest: UUID | None = None
    """The turn stored last when the end was chosen."""

    facts: tuple[str, ...] = ()
    """What the user has pinned: it enters every prompt of the room."""


@dataclass(frozen=True, slots=True)
class RoomChange:
    """What is to be changed of a room's state; a field that is None stays as it is."""

    title: str | None = None
    """A new title; empty: the start of the first question again."""

    pinned: bool | None = None
    """Whether it is to stand above the others."""

    through: UUID | None = None
    """A turn through which the current path is to go, and on to the newest turn that follows it."""

    facts: tuple[str, ...] | None = None
    """What is to be pinned, in place of all that was."""


SUMMARY_CHARS = 4000
"""The longest summary."""

MOST_SUMMARIES = 100
"""Summaries that a room keeps, the newest: each tells of a quarter of a context or more."""


@dataclass(frozen=True, slots=True)
class PathSummary:
    """What the turns of a path tell, up to one of them.

    Of several of one turn the newest counts of those that a user wrote, and only without these the newest.

    ``id`` is made by the writer. ``created_at`` has a timezone; stores keep its milliseconds.
    """

    id: UUID
    room: Room
    turn: UUID
    """The last turn that it tells of."""

    text: str
    """Empty: whoever owns the room wants none here."""

    edited: bool
    """Whether a user wrote it."""

    created_at: datetime


@dataclass(frozen=True, slots=True)
class ListedRoom:
    """One line of a user's room list; ``title`` is the user's, or the start of the first question."""

    db_id: UUID
    title: str
    turns: int
    updated_at: datetime
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class FoundText:
    """A place where a search found its text: a turn, or with ``turn`` None the room's title."""

    db_id: UUID
    title: str
    turn: UUID | None
    excerpt: str
    """What stands around it, on one line."""


@dataclass(frozen=True, slots=True)
class SearchOfRooms:
    """What a search of a user's rooms found; not ``complete`` when it stopped at one of its bounds."""

    found: tuple[FoundText, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a room's turns from elsewhere: how many were stored, and how many had been here."""

    stored: int
    present: int


class Stored(StrEnum):
    """Where a turn is now: in the database, safely kept on disk until the database is back, or nowhere.

    Nowhere, because what it follows was deleted while it was answered.
    """

    DATABASE = "database"
    KEPT = "kept"
    DELETED = "deleted"


class Recalled(StrEnum):
    """Whether a recall is complete: whole, or only what this process can reach without the database."""

    WHOLE = "whole"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Recollection:
    """The room's most recent turns, oldest first, and whether the database could be asked.

    ``summaries`` are the newest of each of these turns that has any.
    """

    turns: tuple[Turn, ...]
    state: Recalled = Recalled.WHOLE
    summaries: tuple[PathSummary, ...] = ()


class HistoryUnavailable(Exception):
    """The database did not answer in time or refused; raised by stores, handled by whoever keeps turns.

    ``str()`` names the kind of failure only, never an address or a text: it is logged.
    """
