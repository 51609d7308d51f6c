"""Bringing rooms from elsewhere into a store, once, however often it is repeated.

A turn that is there already (its id tells) is left as it is. A room whose turns would have to go between or
behind turns written here is left out and reported: its order would be wrong.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from chatbot.adapters.history.character_records import CharacterToImport, import_character
from chatbot.adapters.history.exporting import turns_of_room
from chatbot.domain.history import NewTurn, Room
from chatbot.domain.history_ports import TurnStore


@dataclass(frozen=True, slots=True)
class RoomToImport:
    """A room's turns, oldest first; ``broken`` more could not be read."""

    room: Room
    turns: tuple[NewTurn, ...]
    broken: int = 0


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
        wanted = {turn.id for turn in found.turns}
        there = [turn.id async for turn in turns_of_room(store, found.room)]
        missing = [turn for turn in found.turns if turn.id not in set(there)]
        report.present += len(found.turns) - len(missing)
        if missing and not wanted.issuperset(there):
            place = f"{found.room.service}/{found.room.user_id}/{found.room.db_id}"
            report.skipped.append(SkippedRoom(place, "the room goes on here already"))
            continue
        if not dry_run:
            for turn in missing:
                await store.insert(turn)
        report.imported += len(missing)
    return report
