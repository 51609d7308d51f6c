"""Import from the predecessor and from exports: complete, repeatable, in order, and honest about the rest."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.history.makers import make_room, make_turn
from tests.history.predecessor import SEOUL, old_room, old_turn, room_of
from tests.support.memory_store import MemoryStore

from chatbot.adapters.history.character_records import read_character, write_character
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
from chatbot.adapters.history.sources import from_files
from chatbot.domain.branches import TurnNode
from chatbot.domain.characters import CharacterSheet, StoredCharacter
from chatbot.domain.history import Imported, NewTurn, Owner, Room
from chatbot.domain.history_ports import TurnStore
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio


async def one_by_one(*found: RoomToImport | SkippedRoom) -> AsyncIterator[RoomToImport | SkippedRoom]:
    for one in found:
        yield one


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


class CountedId(UUID):
    """An id that counts how often it is looked at."""

    looks = 0

    def __hash__(self) -> int:
        CountedId.looks += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        CountedId.looks += 1
        return super().__eq__(other)


class LongRoom(MemoryStore):
    """A store that has so many turns in each room."""

    async def outline(self, room: Room) -> Sequence[TurnNode]:
        return [TurnNode(CountedId(int=index), index, None) for index in range(1, 1001)]


async def test_an_import_looks_at_the_turns_that_are_there_a_few_times_in_all() -> None:
    CountedId.looks, room = 0, make_room()
    turns = [make_turn(room, after=UUID(int=1000)) for _ in range(100)]
    assert await import_room(room, turns, LongRoom()) == Imported(100, 0)
    assert CountedId.looks < 5 * 1000


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


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_outside_the_calendar_is_damage(time: str) -> None:
    record = {**json.loads(write_record(make_turn(make_room()))), "created_at": time}
    with pytest.raises(ValueError, match="not a turn: created_at"):
        read_record(json.dumps(record))
    first, second = old_turn(1), {**old_turn(2), "timestamp": time}
    turns = room_of(convert("office_log_a", old_room(first, second), SEOUL)).turns
    assert turns[1].created_at == turns[0].created_at


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("version", wrong) for wrong in ("2", True, 2.0)],
        *[("updated_at", wrong) for wrong in (1.5e9, "1500000000", "9999-12-31T23:59:59-14:00")],
    ],
)
def test_a_character_s_numbers_and_times_are_of_their_own_types(field: str, value: object) -> None:
    stored = StoredCharacter(uuid4(), 1, CharacterSheet(name="미나"), datetime.now(UTC))
    line = json.loads(write_character(Owner(ServiceName("character"), "a"), stored))
    with pytest.raises(ValueError, match=f"not a character: {field}"):
        read_character(json.dumps({**line, field: value}).encode())


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
