"""The ports to conversations: a database of turns, and the history over it that an answer may rely on."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from chatbot.domain.branches import Tree, TurnNode
from chatbot.domain.character_ports import Characters
from chatbot.domain.history import (
    AT_END,
    After,
    Imported,
    ListedRoom,
    NewTurn,
    Owner,
    PathSummary,
    Recollection,
    Room,
    RoomChange,
    RoomState,
    SearchOfRooms,
    Stored,
    Turn,
)
from chatbot.domain.service_names import ServiceName

MOST_CHARS = 2**63 - 1
"""More characters than there are, and a number that every database takes."""


class Summaries(Protocol):
    """Summaries of paths, beside the turns of a database; inserted and deleted only.

    A summary goes with its turn, whatever deletes that. Every method may raise HistoryUnavailable.
    """

    async def of_room(self, room: Room) -> Sequence[PathSummary]:
        """The one that counts of each turn of the room that has any, of whatever path."""
        ...

    async def put(self, summary: PathSummary) -> bool:
        """Insert a summary; False when the room has no such turn.

        Of the turn only the one that counts is kept, and of the room the first MOST_SUMMARIES in the same
        order: what a user wrote before what was made, then the newest. The same ``id`` again changes nothing.
        """
        ...


class TurnStore(Protocol):
    """A database of turns. Every method may raise HistoryUnavailable; none blocks the event loop.

    A call that fails or is cancelled may still take effect later: callers repeat inserts with the same id
    and repeat deletes.
    """

    @property
    def characters(self) -> Characters:
        """The characters that users keep in the same database."""
        ...

    @property
    def summaries(self) -> Summaries:
        """Summaries of the turns, in the same database."""
        ...

    async def insert(self, turn: NewTurn) -> Turn | None:
        """Store the turn under the room's next free index and return it.

        The same ``id`` again returns the turn as stored before. Concurrent writers each get an index of
        their own, and those that name no place follow each other. None: it, or what it follows, was buried.
        """
        ...

    async def end(self, room: Room) -> UUID | None:
        """The turn at which the current path ends; None for a room without turns."""
        ...

    async def recent(
        self, room: Room, limit: int, upto: UUID | None = None, chars: int = MOST_CHARS
    ) -> Sequence[Turn]:
        """The room's last ``limit`` turns of whatever path, oldest first; empty for an unknown room.

        With ``upto`` that turn and those stored before it; empty when the room has no such turn. The last
        ones have ``chars`` characters, or are all: no more are held at any time than those and a few.
        """
        ...

    async def outline(self, room: Room) -> Sequence[TurnNode]:
        """All turns of the room without their texts, by index."""
        ...

    async def read(self, room: Room, ids: Collection[UUID]) -> Sequence[Turn]:
        """Those of the turns that the room has, by index."""
        ...

    async def bury(self, room: Room, ids: Collection[UUID]) -> int:
        """Write tombstones for the turns, delete them, and return how many there were."""
        ...

    async def state(self, room: Room) -> RoomState:
        """The newest state of the room."""
        ...

    async def put_state(self, room: Room, state: RoomState) -> bool:
        """Insert a state and forget the older ones; False when its version is taken."""
        ...

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """Up to ``limit`` turns of all paths with an index above ``after``, oldest first."""
        ...

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        """All rooms of the user that have turns, most recently used first."""
        ...

    async def owners(self) -> Sequence[Owner]:
        """Everybody who has turns."""
        ...

    async def delete_turns(self, ids: Collection[UUID]) -> int:
        """Delete turns by their ids and return how many there were; unknown ids are no error."""
        ...

    async def delete_room(self, room: Room) -> int:
        """Delete the room's turns, summaries, states and tombstones, and return how many turns there were."""
        ...

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        """Delete all that the user has but characters, and return how many turns there were."""
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

    ``recall``, ``facts`` and ``remember`` work while the database is away. Everything else raises
    HistoryUnavailable then: half a list would look whole, and a delete that has not happened must not look
    done.
    """

    @property
    def characters(self) -> Characters:
        """The characters that users keep."""
        ...

    @property
    def summaries(self) -> Summaries:
        """Summaries of the turns."""
        ...

    async def recall(
        self, room: Room, limit: int, after: After = AT_END, chars: int = MOST_CHARS
    ) -> Recollection:
        """The last ``limit`` turns of the path that ends there, kept ones too, within the time budget.

        No more of them than the last that have ``chars`` characters.
        With their summaries, unless the database is away.
        """
        ...

    async def facts(self, room: Room) -> Sequence[str]:
        """What is pinned in the room, within the time budget; nothing while the database is away."""
        ...

    async def turn(self, room: Room, id_: UUID) -> Turn | None:
        """A turn of the room; None when there is no such one."""
        ...

    async def tree(self, room: Room) -> Tree:
        """How the room's turns follow each other, without their texts."""
        ...

    async def read(self, room: Room, ids: Collection[UUID]) -> Sequence[Turn]:
        """As TurnStore.read."""
        ...

    async def state(self, room: Room) -> RoomState:
        """As TurnStore.state."""
        ...

    async def change(self, room: Room, change: RoomChange) -> RoomState | None:
        """Change what the user chose for the room; None when there is no such room or turn."""
        ...

    async def delete_turn(self, room: Room, id_: UUID) -> int:
        """Delete a turn and all that follow it, also those that arrive later; returns how many there were."""
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

    async def import_turns(
        self,
        room: Room,
        turns: Sequence[NewTurn],
        state: RoomState | None = None,
        summaries: Sequence[PathSummary] = (),
    ) -> Imported | None:
        """Store a room's turns from elsewhere, oldest first, each once however often it is repeated.

        The state is stored where nothing was chosen for the room here, each summary whose turn is here. None,
        and nothing is stored: the room goes on here already, and the order of its turns would be wrong.
        """
        ...

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """As TurnStore.page, kept turns included."""
        ...

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        """As TurnStore.rooms, kept turns included."""
        ...

    async def search(self, service: ServiceName, user_id: str, query: str) -> SearchOfRooms:
        """Titles and turns of the user that hold the text, in any case, within bounds of time and turns."""
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
