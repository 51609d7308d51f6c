"""What an import reads: exports, mongoexport's files, the predecessor's database; damage costs itself."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from tests.history.makers import make_room, make_turn
from tests.history.predecessor import SEOUL, old_room, old_turn, room_of
from tests.history.servers import MongoServer

from chatbot.adapters.history.importing import RoomToImport, SkippedRoom
from chatbot.adapters.history.records import write_record
from chatbot.adapters.history.sources import from_database, from_files

pytestmark = pytest.mark.anyio


async def test_mongoexport_files_of_both_kinds(tmp_path: Path) -> None:
    documents = [old_room(old_turn(1)), old_room(old_turn(1), id_=str(uuid4()))]
    (tmp_path / "office_log_alice.json").write_text(
        "\n".join(json.dumps(document) for document in documents), encoding="utf-8"
    )
    (tmp_path / "chatbot_log_bob.json").write_text(json.dumps(documents, indent=1), encoding="utf-8")
    (tmp_path / "office_log_carol.json").write_text("no JSON", encoding="utf-8")
    found = [one async for one in from_files(sorted(tmp_path.iterdir()), SEOUL)]
    assert [type(one).__name__ for one in found] == [
        "RoomToImport", "RoomToImport", "RoomToImport", "RoomToImport", "SkippedRoom",
    ]  # fmt: skip


async def test_lines_that_are_no_turns_are_told_without_their_text(tmp_path: Path) -> None:
    good = write_record(make_turn(make_room()))
    bad = json.dumps({**json.loads(good), "user_id": "../secret"})
    file = tmp_path / "export.jsonl"
    file.write_text(f"{good}\n\n{bad}\nnothing\n", encoding="utf-8")
    found = [one async for one in from_files([file], SEOUL)]
    assert [len(one.turns) for one in found if isinstance(one, RoomToImport)] == [1]
    skipped = [one for one in found if isinstance(one, SkippedRoom)]
    assert len(skipped) == 2
    assert "secret" not in str(skipped)
    assert "user_id" in str(skipped[0])


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("start", [b"", BOM, BOM + b"\r\n", b"\n \n"])
async def test_a_byte_order_mark_costs_no_record(start: bytes, tmp_path: Path) -> None:
    line = write_record(make_turn(make_room())).encode()
    document = json.dumps(old_room(old_turn(1))).encode()
    (tmp_path / "export.jsonl").write_bytes(start + line + b"\n" + start + line)
    (tmp_path / "office_log_a.json").write_bytes(start + document + b"\n" + start + document)
    (tmp_path / "office_log_b.json").write_bytes(start + b"[" + document + b",\n" + document + b"]\n")
    found = [one async for one in from_files(sorted(tmp_path.iterdir()), SEOUL)]
    assert [len(room_of(one).turns) for one in found] == [2, 1, 1, 1, 1]


def documents_with(damaged: bytes, form: str) -> bytes:
    """Three good documents as mongoexport writes them, the damaged one behind the first."""
    good = [json.dumps(old_room(old_turn(1), id_=str(uuid4()))).encode() for _ in range(3)]
    documents = [good[0], damaged, *good[1:]]
    return b"\n".join(documents) if form == "lines" else b"[" + b",\n".join(documents) + b"]\n"


@pytest.mark.parametrize("form", ["lines", "array"])
@pytest.mark.parametrize(
    "damaged",
    [
        b'{"id": "',
        b'{"id": 1, "value": [',
        b"{garbage}",
        b"garbage",
        b'{"id": "\xff\xfe"}',
        b"7",
        b'{"id": ' + b"[" * 100_000,
        b'{"id": ' + b"9" * 5000 + b"}",
    ],
)
async def test_a_damaged_document_costs_itself_alone(damaged: bytes, form: str, tmp_path: Path) -> None:
    file = tmp_path / "office_log_alice.json"
    file.write_bytes(documents_with(damaged, form))
    found = [one async for one in from_files([file], SEOUL)]
    assert sum(isinstance(one, RoomToImport) for one in found) == 3
    (skipped,) = [one for one in found if isinstance(one, SkippedRoom)]
    assert skipped.place == "office_log_alice.json line 2"


@pytest.mark.parametrize("cut", [1, 2, 3, 40])
async def test_an_array_that_is_cut_off_is_told(cut: int, tmp_path: Path) -> None:
    file = tmp_path / "office_log_alice.json"
    file.write_bytes(f"[{json.dumps(old_room(old_turn(1)))}]".encode()[:-cut])
    found = [one async for one in from_files([file], SEOUL)]
    assert isinstance(found[-1], SkippedRoom)


async def test_the_predecessor_s_own_database(mongo_server: MongoServer) -> None:
    client: Any = AsyncIOMotorClient(mongo_server.uri)
    old = client["old_database"]
    await old["office_log_alice"].insert_one(old_room(old_turn(1), old_turn(2)) | {"_id": 1})
    await old["chatbot_log_alice"].insert_one(old_room(old_turn(1)) | {"_id": 2})
    await old["sessions"].insert_one({"_id": 3, "value": "something else"})
    client.close()
    found = [one async for one in from_database(mongo_server.uri, "old_database", 5, SEOUL)]
    assert sorted((room_of(one).room.service, len(room_of(one).turns)) for one in found) == [
        ("character", 1), ("office", 2),
    ]  # fmt: skip
