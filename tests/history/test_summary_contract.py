"""What every database must do with summaries, on SQLite and on a MongoDB-protocol server."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from tests.history.conftest import OpenStore
from tests.history.makers import START, make_room, make_turn, stored
from tests.support.memory_store import MemoryStore

from chatbot.adapters.history.branching import bury_turn
from chatbot.domain.history import MOST_SUMMARIES, PathSummary, Room
from chatbot.domain.history_ports import TurnStore

pytestmark = pytest.mark.anyio


def summary(
    room: Room, turn: UUID, text: str = "요약 😀\n둘째 줄", minutes: int = 0, *, edited: bool = False
) -> PathSummary:
    return PathSummary(uuid4(), room, turn, text, edited, START + timedelta(minutes=minutes))


async def texts(store: TurnStore, room: Room) -> dict[UUID, str]:
    return {one.turn: one.text for one in await store.summaries.of_room(room)}


async def turns_of(store: TurnStore, room: Room, count: int) -> list[UUID]:
    return [(await stored(store, make_turn(room, f"q{number}"))).id for number in range(count)]


async def test_a_summary_comes_back_as_it_was_put(store: TurnStore) -> None:
    room = make_room()
    (turn,) = await turns_of(store, room, 1)
    assert list(await store.summaries.of_room(room)) == []
    put = summary(room, turn, edited=True)
    assert await store.summaries.put(put)
    assert list(await store.summaries.of_room(room)) == [put]
    assert await store.summaries.put(put), "once more is once"
    assert list(await store.summaries.of_room(room)) == [put]


async def test_the_newest_of_a_turn_counts_in_whatever_order_they_come(open_store: OpenStore) -> None:
    store, other = await open_store(), await open_store()
    room = make_room()
    first, second = await turns_of(store, room, 2)
    assert await store.summaries.put(summary(room, first, "new", 5))
    assert await other.summaries.put(summary(room, first, "old", 1))
    assert await store.summaries.put(summary(room, second, "of the second"))
    assert await texts(other, room) == {first: "new", second: "of the second"}
    together = [summary(room, first, f"at {minute}", minute) for minute in range(10, 20)]
    await asyncio.gather(
        *((store, other)[place % 2].summaries.put(one) for place, one in enumerate(together))
    )
    assert (await texts(store, room))[first] == "at 19"


async def keeps_what_a_user_wrote(store: TurnStore, other: TurnStore, text: str) -> None:
    """``other`` is the same database, as another process has it."""
    room = make_room()
    first, second, *others = await turns_of(store, room, MOST_SUMMARIES + 2)
    assert await store.summaries.put(summary(room, first, "made before"))
    assert await store.summaries.put(summary(room, first, text, 1, edited=True))
    assert await other.summaries.put(summary(room, first, "made after", 2))
    assert await texts(store, room) == {first: text}
    both = [summary(room, second, "made", 4), summary(room, second, text, 3, edited=True)]
    await asyncio.gather(other.summaries.put(both[0]), store.summaries.put(both[1]))
    for minute, turn in enumerate(others, 5):
        assert await other.summaries.put(summary(room, turn, "made", minute))
    kept = await texts(store, room)
    assert (kept[first], kept[second], len(kept)) == (text, text, MOST_SUMMARIES)
    assert await store.summaries.put(summary(room, first, "anew", 1000, edited=True))
    assert (await texts(other, room))[first] == "anew"


@pytest.mark.parametrize("text", ["the user's own words", ""])
async def test_none_that_is_made_replaces_or_outlives_what_a_user_wrote(
    open_store: OpenStore, text: str
) -> None:
    await keeps_what_a_user_wrote(await open_store(), await open_store(), text)


@pytest.mark.parametrize("text", ["the user's own words", ""])
async def test_the_store_of_other_tests_keeps_it_as_well(text: str) -> None:
    store = MemoryStore()
    await keeps_what_a_user_wrote(store, store, text)


async def test_there_is_none_without_its_turn_in_its_room(store: TurnStore) -> None:
    room, other = make_room(), make_room("bob")
    (turn,) = await turns_of(store, room, 1)
    assert not await store.summaries.put(summary(other, turn))
    assert not await store.summaries.put(summary(room, uuid4()))
    taken = summary(room, turn)
    assert await store.summaries.put(taken)
    (theirs,) = await turns_of(store, other, 1)
    forged = PathSummary(taken.id, other, theirs, "theirs", edited=True, created_at=START)
    assert not await store.summaries.put(forged), "the id is another room's"
    assert list(await store.summaries.of_room(room)) == [taken]
    assert list(await store.summaries.of_room(other)) == []


async def test_a_room_keeps_its_newest(store: TurnStore) -> None:
    room = make_room()
    turns = await turns_of(store, room, MOST_SUMMARIES + 3)
    for minute, turn in enumerate(turns):
        assert await store.summaries.put(summary(room, turn, str(minute), minute))
    kept = await store.summaries.of_room(room)
    assert {one.turn for one in kept} == set(turns[3:])


async def test_it_goes_with_its_turn_and_with_one_that_this_follows(store: TurnStore) -> None:
    room = make_room()
    first, second, third = await turns_of(store, room, 3)
    for turn in (first, second, third):
        await store.summaries.put(summary(room, turn, str(turn)))
    await bury_turn(store, room, second)
    assert await texts(store, room) == {first: str(first)}
    assert not await store.summaries.put(summary(room, third)), "it does not come back"
    assert await store.delete_turns([first]) == 1
    assert await texts(store, room) == {}


async def test_it_goes_with_its_room_and_its_user_and_nobody_elses(store: TurnStore) -> None:
    mine, also_mine, theirs = make_room(), make_room(), make_room("bob")
    for room in (mine, also_mine, theirs):
        (turn,) = await turns_of(store, room, 1)
        await store.summaries.put(summary(room, turn))
    assert await store.delete_room(mine) == 1
    assert [len(await texts(store, room)) for room in (mine, also_mine, theirs)] == [0, 1, 1]
    assert await store.delete_user(also_mine.service, also_mine.user_id) == 1
    assert [len(await texts(store, room)) for room in (mine, also_mine, theirs)] == [0, 0, 1]


async def test_it_goes_when_its_room_is_pruned_however_new_it_is(store: TurnStore) -> None:
    old, used = make_room(), make_room()
    for room, minutes in ((old, 0), (used, 60)):
        turn = (await stored(store, make_turn(room, minutes=minutes))).id
        await store.summaries.put(summary(room, turn, minutes=90))
    pruned: datetime = START + timedelta(minutes=30)
    assert await store.prune(pruned) == 1
    assert [len(await texts(store, room)) for room in (old, used)] == [0, 1]


async def test_one_that_is_put_while_its_turn_is_buried_goes_too(open_store: OpenStore) -> None:
    here, there = await open_store(), await open_store()
    for _ in range(10):
        room = make_room()
        first, second = await turns_of(here, room, 2)
        await asyncio.gather(
            bury_turn(here, room, second), *(there.summaries.put(summary(room, second)) for _ in range(3))
        )
        assert await texts(here, room) == {}
        assert await here.summaries.put(summary(room, first))
