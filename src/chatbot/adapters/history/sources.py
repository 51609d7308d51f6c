"""Where an import reads from: files of ``chatbot history export``, of mongoexport, or the old database."""

import codecs
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path

from chatbot.adapters.history.character_records import CharacterToImport, is_character, read_character
from chatbot.adapters.history.importing import RoomToImport, SkippedRoom
from chatbot.adapters.history.predecessor import PREFIXES, convert
from chatbot.adapters.history.records import read_with_state
from chatbot.domain.history import NewTurn, RoomState

Found = RoomToImport | CharacterToImport | SkippedRoom

_SEPARATORS = re.compile(r"[\s,\[\]\ufeff]+")
"""What stands between documents; byte order marks too, which Windows puts before a file and `cat` inside."""

_ARRAY = re.compile(r"[\s\ufeff]*\[")
_NEXT_DOCUMENT = re.compile(r"^\{", re.MULTILINE)
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
"""What Python's ``surrogateescape`` makes of bytes that are no UTF-8; real text has no such characters."""


async def from_files(paths: Sequence[Path], zone: tzinfo) -> AsyncIterator[Found]:
    """The rooms of files; one that is named like a collection of the predecessor holds its documents."""
    for path in paths:
        reader = _documents if path.stem.startswith(tuple(PREFIXES)) else _records
        for found in reader(path, zone):
            yield found


async def from_database(
    uri: str, database: str, timeout_seconds: float, zone: tzinfo
) -> AsyncIterator[Found]:
    """The rooms of the predecessor's database.

    Raises:
        HistoryUnavailable: it cannot be read.
    """
    from chatbot.adapters.history.mongo import read_documents

    async for collection, document in read_documents(uri, database, timeout_seconds, tuple(PREFIXES)):
        yield convert(collection, document, zone)


def _documents(path: Path, zone: tzinfo) -> Iterator[Found]:
    """mongoexport writes documents one after the other, with --jsonArray in brackets with commas between.

    After a damaged one the reading goes on at the next line that begins a document.
    """
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    end, place = 0, _behind_separators(text, 0)
    while place < len(text):
        line, counted = line + text.count("\n", counted, place), place
        try:
            document, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            yield SkippedRoom(f"{path.name} line {line}", "not what mongoexport writes")
            following = _NEXT_DOCUMENT.search(text, place + 1)
            if following is None:
                return
            place = following.start()
            continue
        if not isinstance(document, Mapping):
            yield SkippedRoom(f"{path.name} line {line}", "something that is no document")
        elif _NOT_UTF8.search(text, place, end):
            yield SkippedRoom(f"{path.name} line {line}", "not UTF-8")
        else:
            yield convert(path.stem, document, zone)
        place = _behind_separators(text, end)
    if _ARRAY.match(text) and "]" not in text[end:]:
        yield SkippedRoom(path.name, "the file is cut off: its array does not end")


def _behind_separators(text: str, place: int) -> int:
    found = _SEPARATORS.match(text, place)
    return found.end() if found else place


def _records(path: Path, _: tzinfo) -> Iterator[Found]:
    """The lines of an export: turns, of which a room's stand together, and characters."""
    turns: list[NewTurn] = []
    state: RoomState | None = None
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            record = line.removeprefix(codecs.BOM_UTF8)
            if not record.strip():
                continue
            try:
                if is_character(record):
                    yield read_character(record)
                    continue
                turn, told = read_with_state(record)
            except ValueError as error:
                yield SkippedRoom(f"{path.name} line {number}", str(error))
                continue
            if turns and turns[-1].room != turn.room:
                yield RoomToImport(turns[0].room, tuple(turns), state=state)
                turns, state = [], None
            turns.append(turn)
            state = state or told
    if turns:
        yield RoomToImport(turns[0].room, tuple(turns), state=state)
