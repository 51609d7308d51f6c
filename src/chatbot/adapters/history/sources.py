"""Where an import reads from: files of ``chatbot history export``, of mongoexport, or the old database."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

from chatbot.adapters.history.importing import RoomToImport, SkippedRoom
from chatbot.adapters.history.predecessor import PREFIXES, convert
from chatbot.adapters.history.records import read_record
from chatbot.domain.history import NewTurn

Found = RoomToImport | SkippedRoom


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
    """mongoexport writes one document a line, or with --jsonArray one array."""
    try:
        with path.open(encoding="utf-8") as file:
            if file.read(1) == "[":
                file.seek(0)
                documents: list[Any] = json.load(file)
            else:
                file.seek(0)
                documents = [json.loads(line) for line in file if line.strip()]
    except ValueError:
        yield SkippedRoom(path.name, "the file is not what mongoexport writes")
        return
    for document in documents:
        if isinstance(document, Mapping):
            yield convert(path.stem, document, zone)
        else:
            yield SkippedRoom(path.name, "the file holds something that is no document")


def _records(path: Path, _: tzinfo) -> Iterator[Found]:
    """The lines of an export; a room's lines stand together."""
    turns: list[NewTurn] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                turn = read_record(line)
            except ValueError as error:
                yield SkippedRoom(f"{path.name} line {number}", str(error))
                continue
            if turns and turns[-1].room != turn.room:
                yield RoomToImport(turns[0].room, tuple(turns))
                turns = []
            turns.append(turn)
    if turns:
        yield RoomToImport(turns[0].room, tuple(turns))
