"""Bringing rooms from elsewhere into a store, once, however often it is repeated.

A turn that is there already (its id tells) is left as it is. A room whose turns would have to go between or
behind turns written here is left out and reported: its order would be wrong. What says that it follows the
room's last turn goes on behind it: so a long room may come in pieces. What a user chose for a room comes with
it where nothing was chosen here.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from chatbot.adapters.history.character_records import CharacterToImport, import_character
from chatbot.adapters.history.records import storable
from chatbot.domain.history import Imported, NewTurn, PathSummary, Room, RoomState
from chatbot.domain.history_ports import TurnStore


@dataclass(frozen=True, slots=True)
class RoomToImport:
    """A room's turns, oldest first; ``broken`` more could not be read.

    ``state`` is what was chosen for it, ``summaries`` are those of the turns.
    """

    room: Room
    turns: tuple[NewTurn, ...]
    broken: int = 0
    state: RoomState | None = None
    summaries: tuple[PathSummary, ...] = ()


@dataclass(frozen=True, slots=True)
class SkippedRoom:
    """Something that is no room of ours: where it was and why not."""

    place: str
    reason: str


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do; counts are of turns unless they say otherwise."""

    rooms: int = 0
    imported: int = 0
    present: int = 0
    broken: int = 0
    characters: int = 0
    characters_present: int = 0
    skipped: list[SkippedRoom] = field(default_factory=list)


async def import_rooms(
    rooms: AsyncIterator[RoomToImport | CharacterToImport | SkippedRoom], store: TurnStore, *, dry_run: bool
) -> ImportReport:
    """Import rooms and characters one by one; an import that stops half-way is simply repeated.

    Raises:
        HistoryUnavailable: the database went away.
    """
    report = ImportReport()
    async for found in rooms:
        if isinstance(found, SkippedRoom):
            report.skipped.append(found)
            continue
        if isinstance(found, CharacterToImport):
            new = await import_character(found, store.characters, dry_run=dry_run)
            report.characters += new
            report.characters_present += not new
            continue
        report.rooms += 1
        report.broken += found.broken
        imported = await import_room(
            found.room, found.turns, store, found.state, found.summaries, dry_run=dry_run
        )
        if imported is None:
            place = f"{found.room.service}/{found.room.user_id}/{found.room.db_id}"
            report.skipped.append(SkippedRoom(place, "the room goes on here already"))
            continue
        report.imported += imported.stored
        report.present += imported.present
    return report


async def import_room(
    room: Room,
    turns: Sequence[NewTurn],
    store: TurnStore,
    state: RoomState | None = None,
    summaries: Sequence[PathSummary] = (),
    *,
    dry_run: bool = False,
) -> Imported | None:
    """Import turns of a room, oldest first; None, and nothing is stored: the room goes on here already.

    A turn that was deleted here is not stored again. The state is stored where nothing was chosen here, and
    each summary whose turn is here.

    Raises:
        HistoryUnavailable: the database went away.
    """
    there = [node.id for node in await store.outline(room)]
    known = set(there)
    missing = [turn for turn in turns if turn.id not in known]
    whole = {turn.id for turn in turns}.issuperset(there)
    if missing and not whole and missing[0].after != there[-1]:
        return None
    stored = 0
    for turn in missing:
        there_now = None if dry_run else await store.insert(storable(turn))
        # A turn of this id may be in a room of somebody else's.
        stored += dry_run or (there_now is not None and there_now.room == room)
    if state is not None and not dry_run:
        await _choose(room, state, store)
    for summary in () if dry_run else summaries:
        await store.summaries.put(summary)
    return Imported(stored, len(turns) - len(missing))


async def _choose(room: Room, state: RoomState, store: TurnStore) -> None:
    """Store the state of a room that has turns and no state; one that is chosen meanwhile stays."""
    if await store.end(room) is not None and not (await store.state(room)).version:
        await store.put_state(room, replace(state, version=1))
