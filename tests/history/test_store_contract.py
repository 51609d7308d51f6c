"""What every database of turns must do, on SQLite and on a real server of the MongoDB protocol."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.history.conftest import OpenStore
from tests.history.makers import START, make_room, make_turn, stored

from chatbot.domain.history import AskedWith, HistoryUnavailable, Owner, Room, Turn, last_asked_with
from chatbot.domain.history_ports import TurnStore
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

OFFICE, CHARACTER = ServiceName("office"), ServiceName("character")


async def fill(store: TurnStore, room: Room, *questions: str, minutes: int = 0) -> list[Turn]:
    return [await stored(store, make_turn(room, question, minutes=minutes)) for question in questions]


async def questions(store: TurnStore, room: Room) -> list[str]:
    return [turn.question for turn in await store.page(room, 0, 1000)]


async def test_turns_are_numbered_from_one_and_come_back_as_stored(store: TurnStore) -> None:
    room = make_room()
    new = make_turn(room, "안녕하세요!", "네, 안녕하세요. 😀")
    written = await stored(store, new)
    assert written == Turn(new.id, room, 1, new.question, new.answer, new.model, new.created_at)
    second = await stored(store, make_turn(room, "둘"))
    assert second.index == 2
    assert list(await store.page(room, 0, 10)) == [written, second]


async def test_what_a_turn_was_asked_with_comes_back(store: TurnStore) -> None:
    room = make_room()
    said: list[AskedWith | None] = [{"context": '{"$set": "😀"}\n', "temperature": 0.5}, None, {}]
    turns = [await stored(store, make_turn(room, asked_with=each)) for each in said]
    assert [turn.asked_with for turn in turns] == said
    assert [turn.asked_with for turn in await store.page(room, 0, 10)] == said
    assert last_asked_with(turns[:2]) == said[0]
    assert last_asked_with(turns) == last_asked_with([]) == {}


async def test_the_same_id_is_stored_once(store: TurnStore) -> None:
    room = make_room()
    turn = make_turn(room, "하나")
    first = await stored(store, turn)
    await stored(store, make_turn(room, "둘"))
    assert await stored(store, turn) == first
    assert await questions(store, room) == ["하나", "둘"]


async def test_the_same_id_at_the_same_moment_is_stored_once(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(3)]
    turn = make_turn(make_room())
    written = await asyncio.gather(*(stored(one, turn) for one in stores for _ in range(4)))
    assert {item.index for item in written} == {1}
    assert len(await stores[0].page(turn.room, 0, 100)) == 1


async def test_forty_writers_of_one_room_each_get_an_index(open_store: OpenStore) -> None:
    stores = [await open_store() for _ in range(4)]
    room = make_room()
    turns = [make_turn(room, f"q{number}") for number in range(40)]
    written = await asyncio.gather(*(stored(stores[number % 4], turn) for number, turn in enumerate(turns)))
    assert sorted(turn.index for turn in written) == list(range(1, 41))
    read = await stores[0].page(room, 0, 100)
    assert {turn.id for turn in read} == {turn.id for turn in turns}
    assert [turn.index for turn in read] == list(range(1, 41))


async def test_rooms_of_other_users_and_services_stay_apart(store: TurnStore) -> None:
    db_id = uuid4()
    mine = make_room("alice", OFFICE, db_id)
    others = [
        make_room("bob", OFFICE, db_id),
        make_room("alice", CHARACTER, db_id),
        make_room("alice", OFFICE),
    ]
    await fill(store, mine, "mine")
    for other in others:
        assert await store.recent(other, 10) == []
        await fill(store, other, "theirs")
    assert await questions(store, mine) == ["mine"]
    assert await store.delete_room(mine) == 1
    for other in others:
        assert await questions(store, other) == ["theirs"]


async def test_recent_gives_the_last_turns_oldest_first(store: TurnStore) -> None:
    room = make_room()
    await fill(store, room, *(f"q{number}" for number in range(1, 6)))
    assert [turn.question for turn in await store.recent(room, 3)] == ["q3", "q4", "q5"]
    assert [turn.index for turn in await store.recent(room, 100)] == [1, 2, 3, 4, 5]


async def test_recent_gives_no_more_turns_than_have_so_many_characters(store: TurnStore) -> None:
    room = make_room()
    turns = [make_turn(room, "질문" * 50, "답" * 100) for _ in range(60)]
    for turn in turns:
        await store.insert(turn)

    async def read(limit: int, chars: int, upto: int = 60) -> list[int]:
        return [turn.index for turn in await store.recent(room, limit, turns[upto - 1].id, chars)]

    assert await read(60, 1) == await read(60, 200) == [60]
    assert await read(60, 201) == await read(60, 400) == [59, 60]
    assert await read(60, 401, upto=9) == [7, 8, 9]
    assert await read(60, 50 * 200) == list(range(11, 61))
    assert await read(3, 50 * 200) == [58, 59, 60]
    assert [turn.index for turn in await store.recent(room, 60, chars=300)] == [59, 60]


async def test_pages_follow_each_other(store: TurnStore) -> None:
    room = make_room()
    await fill(store, room, *(f"q{number}" for number in range(1, 6)))
    assert [turn.index for turn in await store.page(room, 0, 2)] == [1, 2]
    assert [turn.index for turn in await store.page(room, 2, 2)] == [3, 4]
    assert [turn.index for turn in await store.page(room, 4, 2)] == [5]
    assert await store.page(room, 5, 2) == []


async def test_the_room_list_names_counts_and_orders(store: TurnStore) -> None:
    old, new, other = make_room(), make_room(), make_room("bob")
    await fill(store, old, "첫 질문\n둘째 줄", "다음", minutes=0)
    await fill(store, new, "x" * 100, minutes=5)
    await fill(store, other, "bob's", minutes=9)
    lines = await store.rooms(OFFICE, "alice")
    assert [line.db_id for line in lines] == [new.db_id, old.db_id]
    assert [line.turns for line in lines] == [1, 2]
    assert lines[1].title == "첫 질문 둘째 줄"
    assert len(lines[0].title) == 40
    assert lines[0].updated_at == START + timedelta(minutes=5)
    assert await store.rooms(CHARACTER, "alice") == []


async def test_the_title_is_the_first_turn_that_is_left(store: TurnStore) -> None:
    room = make_room()
    first, *_ = await fill(store, room, "gone", "left", "last")
    assert await store.delete_turns([first.id]) == 1
    assert [(line.title, line.turns) for line in await store.rooms(OFFICE, "alice")] == [("left", 2)]
    assert (await stored(store, make_turn(room))).index == 4


async def test_owners_are_all_who_have_turns(store: TurnStore) -> None:
    assert await store.owners() == []
    for user in ("bob", "alice"):
        await fill(store, make_room(user), "q", "q")
    await fill(store, make_room("alice", CHARACTER), "q")
    # A service whose file is gone: what it left behind is still to be found.
    await fill(store, make_room("carol", ServiceName("tutor")), "q")
    assert set(await store.owners()) == {
        Owner(OFFICE, "alice"),
        Owner(OFFICE, "bob"),
        Owner(CHARACTER, "alice"),
        Owner(ServiceName("tutor"), "carol"),
    }
    assert len(await store.owners()) == 4


async def test_deletes_count_and_take_nothing_else(store: TurnStore) -> None:
    first, second, other = make_room(), make_room(), make_room("bob")
    turns = await fill(store, first, "a", "b", "c")
    await fill(store, second, "d")
    await fill(store, other, "e")
    assert await store.delete_turns([turns[0].id, uuid4()]) == 1
    assert await store.delete_turns([]) == 0
    assert await store.delete_room(first) == 2
    assert await store.delete_room(first) == 0
    assert await store.delete_user(OFFICE, "alice") == 1
    assert await store.delete_user(CHARACTER, "bob") == 0
    assert await store.owners() == [Owner(OFFICE, "bob")]


async def test_a_deleted_room_begins_anew(store: TurnStore) -> None:
    room = make_room()
    await fill(store, room, "a", "b")
    await store.delete_room(room)
    assert (await stored(store, make_turn(room))).index == 1


async def test_prune_takes_whole_rooms_that_nobody_used(store: TurnStore) -> None:
    old, used = make_room(), make_room()
    await fill(store, old, "a", "b", minutes=0)
    await fill(store, used, "c", minutes=0)
    await fill(store, used, "d", minutes=100)
    assert await store.prune(START) == 0
    assert await store.prune(START + timedelta(minutes=50)) == 2
    assert await questions(store, old) == []
    assert await questions(store, used) == ["c", "d"]


@pytest.mark.parametrize(
    "text",
    [
        "$where",
        '{"$gt": ""}',
        "'; DROP TABLE turns; --",
        "\u2028\u2029\r\n\t",
        "\ufeff한",
        "e\u0301",
        "😀" * 2000,
        "a.b$c",
    ],
)
async def test_texts_are_only_texts(store: TurnStore, text: str) -> None:
    room = make_room("a.b@c-d_E")
    await stored(store, make_turn(room, text, text))
    (turn,) = await store.recent(room, 1)
    assert (turn.question, turn.answer) == (text, text)


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b"])
async def test_what_no_store_can_carry_is_replaced(store: TurnStore, text: str) -> None:
    written = await stored(store, make_turn(make_room(), text))
    assert written.question == "a\ufffdb"


async def test_times_are_utc_milliseconds(store: TurnStore) -> None:
    turn = make_turn(make_room())
    written = await stored(store, replace(turn, created_at=turn.created_at + timedelta(microseconds=999)))
    assert written.created_at == START
    (read,) = await store.recent(turn.room, 1)
    assert read.created_at == START
    assert read.created_at.utcoffset() == timedelta(0)


async def test_another_process_sees_a_turn_at_once(open_store: OpenStore) -> None:
    here, there = await open_store(), await open_store()
    room = make_room()
    for number in range(1, 6):
        await stored(here, make_turn(room, f"q{number}"))
        assert [turn.index for turn in await there.recent(room, 1)] == [number]


async def test_a_closed_store_is_an_outage_and_no_surprise(open_store: OpenStore) -> None:
    store = await open_store()
    await store.ping()
    await store.close()
    for call in (
        store.ping,
        lambda: store.recent(make_room(), 1),
        lambda: store.insert(make_turn(make_room())),
    ):
        with pytest.raises(HistoryUnavailable):
            await call()
