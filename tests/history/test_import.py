"""Import from the predecessor and from exports: complete, repeatable, in order, and honest about the rest."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motor.motor_asyncio import AsyncIOMotorClient
from tests.history.makers import make_room, make_turn
from tests.history.servers import MongoServer

from chatbot.adapters.history.exporting import turns_of_room, turns_of_user
from chatbot.adapters.history.importing import (
    ImportReport,
    RoomToImport,
    SkippedRoom,
    import_room,
    import_rooms,
)
from chatbot.adapters.history.predecessor import convert
from chatbot.adapters.history.records import read_record, storable, write_record
from chatbot.adapters.history.sources import Found, from_database, from_files
from chatbot.domain.history import Imported, NewTurn, Room
from chatbot.domain.history_ports import TurnStore
from chatbot.domain.messages import ServiceName

pytestmark = pytest.mark.anyio

SEOUL = ZoneInfo("Asia/Seoul")
DB_ID = "123e4567-e89b-12d3-a456-426614174000"


def old_turn(index: int, question: str = "질문", answer: str = "답", **more: Any) -> dict[str, Any]:
    time = f"2025-06-04 09:{index:02}:00"
    return {"index": index, "input_data": question, "output_data": answer, "timestamp": time, **more}


def old_room(*turns: dict[str, Any], id_: str = DB_ID, **more: Any) -> dict[str, Any]:
    return {"_id": "x", "id": id_, "value": list(turns), **more}


def room_of(found: Found) -> RoomToImport:
    assert isinstance(found, RoomToImport)
    return found


async def one_by_one(*found: RoomToImport | SkippedRoom) -> AsyncIterator[RoomToImport | SkippedRoom]:
    for one in found:
        yield one


@pytest.mark.parametrize(
    ("collection", "service"),
    [
        ("office_log_a.b@c", "office"),
        ("chatbot_log_a.b@c", "character"),
        ("character_log_a.b@c", "character"),
    ],
)
def test_the_collection_names_service_and_user(collection: str, service: str) -> None:
    found = room_of(convert(collection, old_room(old_turn(1), character_idx=3), SEOUL))
    assert (found.room.service, found.room.user_id, str(found.room.db_id)) == (service, "a.b@c", DB_ID)


def test_times_get_their_zone() -> None:
    (turn,) = room_of(convert("office_log_a", old_room(old_turn(7)), SEOUL)).turns
    assert turn.created_at == datetime(2025, 6, 4, 0, 7, tzinfo=UTC)


def test_a_time_that_cannot_be_read_is_the_time_before_it() -> None:
    first, second = room_of(
        convert("office_log_a", old_room(old_turn(1), {**old_turn(2), "timestamp": None}), SEOUL)
    ).turns
    assert second.created_at == first.created_at


def test_repeated_indexes_of_the_predecessor_are_two_turns() -> None:
    turns = room_of(convert("office_log_a", old_room(old_turn(3), old_turn(3)), SEOUL)).turns
    assert len({turn.id for turn in turns}) == 2


def test_ids_depend_on_the_place_alone() -> None:
    one = room_of(convert("office_log_a", old_room(old_turn(1)), SEOUL)).turns[0]
    assert one.id == room_of(convert("office_log_a", old_room(old_turn(1), old_turn(2)), UTC)).turns[0].id
    assert one.id != room_of(convert("chatbot_log_a", old_room(old_turn(1)), SEOUL)).turns[0].id
    assert one.id != room_of(convert("office_log_b", old_room(old_turn(1)), SEOUL)).turns[0].id


@pytest.mark.parametrize(
    ("collection", "document"),
    [
        ("users", old_room()),
        ("office_log_", old_room()),
        ("office_log_한글", old_room()),
        ("office_log_a/b", old_room()),
        ("office_log_a", old_room(id_="room")),
        ("office_log_a", {"id": DB_ID}),
        ("office_log_a", {"id": DB_ID, "value": {"index": 1}}),
        ("office_log_a", {}),
    ],
)
def test_what_is_no_room_is_told(collection: str, document: dict[str, Any]) -> None:
    assert isinstance(convert(collection, document, SEOUL), SkippedRoom)


@pytest.mark.parametrize(
    "broken", [{}, {"input_data": "q"}, {"input_data": 1, "output_data": "a"}, "x", None]
)
def test_broken_turns_are_counted_and_cost_only_themselves(broken: Any) -> None:
    found = room_of(
        convert("office_log_a", {"id": DB_ID, "value": [old_turn(1), broken, old_turn(3)]}, SEOUL)
    )
    assert (len(found.turns), found.broken) == (2, 1)


async def test_an_import_can_be_repeated_and_goes_on(store: TurnStore) -> None:
    first = convert("office_log_a", old_room(*(old_turn(n, f"q{n}") for n in (1, 2))), SEOUL)
    more = convert("office_log_a", old_room(*(old_turn(n, f"q{n}") for n in (1, 2, 3))), SEOUL)

    async def run(found: RoomToImport | SkippedRoom, *, dry_run: bool = False) -> ImportReport:
        return await import_rooms(one_by_one(found), store, dry_run=dry_run)

    dry = await run(first, dry_run=True)
    assert (dry.imported, await store.owners()) == (2, [])
    assert (await run(first)).imported == 2
    again = await run(first)
    assert (again.imported, again.present) == (0, 2)
    assert (await run(more)).imported == 1
    turns = [turn async for turn in turns_of_room(store, room_of(more).room)]
    assert [(turn.index, turn.question) for turn in turns] == [(1, "q1"), (2, "q2"), (3, "q3")]


async def test_a_room_that_goes_on_here_is_left_as_it_is(store: TurnStore) -> None:
    found = room_of(convert("office_log_a", old_room(old_turn(1, "old")), SEOUL))
    await store.insert(make_turn(found.room, "new"))
    report = await import_rooms(one_by_one(found), store, dry_run=False)
    assert (report.imported, len(report.skipped)) == (0, 1)
    assert [turn.question for turn in await store.page(found.room, 0, 10)] == ["new"]


async def test_what_follows_the_last_turn_goes_on_behind_it(store: TurnStore) -> None:
    room = make_room()
    first = make_turn(room, "one", after=None)
    second = make_turn(room, "two", after=first.id)
    third = make_turn(room, "three", after=second.id)
    assert await import_room(room, [first, second], store) == Imported(2, 0)
    assert await import_room(room, [third], store) == Imported(1, 0)
    assert await import_room(room, [third], store) == Imported(0, 1)
    # Not the last one any more, so what follows it has no place behind what is here.
    assert await import_room(room, [make_turn(room, "aside", after=second.id)], store) is None
    assert [turn.parent for turn in await store.page(room, 0, 10)] == [None, first.id, second.id]


async def test_a_buried_turn_is_not_counted(store: TurnStore) -> None:
    room = make_room()
    first = make_turn(room, "one", after=None)
    second = make_turn(room, "two", after=first.id)
    await import_room(room, [first, second], store)
    await store.bury(room, [second.id])
    assert await import_room(room, [first, second], store) == Imported(0, 1)


async def test_a_repeated_import_minds_no_later_turns(store: TurnStore) -> None:
    found = room_of(convert("office_log_a", old_room(old_turn(1, "old")), SEOUL))
    await import_rooms(one_by_one(found), store, dry_run=False)
    await store.insert(make_turn(found.room, "new"))
    report = await import_rooms(one_by_one(found), store, dry_run=False)
    assert (report.imported, report.present, report.skipped) == (0, 1, [])


async def test_an_export_moves_a_user_to_another_store(store: TurnStore, tmp_path: Path) -> None:
    rooms = [make_room(), make_room()]
    for number in range(4):
        await store.insert(make_turn(rooms[number % 2], f"q{number}\n\u2028", minutes=number))
    before = [turn async for turn in turns_of_user(store, ServiceName("office"), "alice")]
    file = tmp_path / "alice.jsonl"
    file.write_text("".join(f"{write_record(turn)}\n" for turn in before), encoding="utf-8")

    await store.delete_user(ServiceName("office"), "alice")
    report = await import_rooms(from_files([file], SEOUL), store, dry_run=False)
    assert (report.rooms, report.imported, report.skipped) == (2, 4, [])
    assert [turn async for turn in turns_of_user(store, ServiceName("office"), "alice")] == before


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


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_outside_the_calendar_is_damage(time: str) -> None:
    record = {**json.loads(write_record(make_turn(make_room()))), "created_at": time}
    with pytest.raises(ValueError, match="not a turn: created_at"):
        read_record(json.dumps(record))
    first, second = old_turn(1), {**old_turn(2), "timestamp": time}
    turns = room_of(convert("office_log_a", old_room(first, second), SEOUL)).turns
    assert turns[1].created_at == turns[0].created_at


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


texts = st.text(max_size=200)


@settings(deadline=None)
@given(
    texts,
    texts,
    st.datetimes(timezones=st.just(UTC), min_value=datetime(1990, 1, 1)),  # noqa: DTZ001
    st.none() | st.dictionaries(st.from_regex("[a-z][a-z_]{0,9}", fullmatch=True), texts | st.floats(0, 2)),
)
def test_a_record_reads_back_as_written(
    question: str, answer: str, time: datetime, asked_with: dict[str, str | int | float] | None
) -> None:
    room = Room(ServiceName("character"), "a", uuid4())
    turn = storable(NewTurn(uuid4(), room, question, answer, "m", time, asked_with=asked_with))
    line = write_record(turn)
    assert "\n" not in line
    assert read_record(line) == turn
    assert time - turn.created_at < timedelta(milliseconds=1)


@settings(deadline=None)
@given(st.text() | st.binary())
def test_a_line_of_anything_is_refused_and_nothing_else(line: str | bytes) -> None:
    with pytest.raises(ValueError, match="not a turn"):
        read_record(line if isinstance(line, bytes) else line.encode("utf-8", "surrogatepass"))
