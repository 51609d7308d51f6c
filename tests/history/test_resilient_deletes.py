"""Deleting and pruning while the database fails: nothing comes back, and nothing kept is lost."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.history.flaky import FlakyStore
from tests.history.makers import START, make_room, make_turn
from tests.history.resilience import BUDGET, history, keep, store, texts, untended, until

from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.adapters.history.retention import DAY_SECONDS, FIRST_SECONDS, RETRY_SECONDS, prune_daily
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.watch import RetryPace
from chatbot.domain.history import HistoryUnavailable

pytestmark = pytest.mark.anyio

__all__ = ["history", "store", "untended"]


async def test_a_delete_without_the_database_is_refused_and_deletes_nothing(
    history: ResilientHistory, store: FlakyStore
) -> None:
    room = make_room()
    await history.remember(make_turn(room, "a"))
    store.mode = "down"
    await keep(history, room, "b")
    with pytest.raises(HistoryUnavailable):
        await history.delete_room(room)
    with pytest.raises(HistoryUnavailable):
        await history.delete_user(room.service, "alice")
    store.mode = "up"
    await until(lambda: history.pending() == 0)
    assert await texts(history, room) == ["a", "b"]


@pytest.mark.parametrize(("whole_user", "deleted"), [(True, 4), (False, 3)])
async def test_a_delete_takes_kept_turns_too_and_counts_each_once(
    untended: ResilientHistory, store: FlakyStore, whole_user: bool, deleted: int
) -> None:
    room, other = make_room(), make_room()
    turns = [make_turn(room, text) for text in ("stored", "stored and kept", "kept")]
    for turn in turns[:2]:
        await store.insert(turn)
    for turn in (*turns[1:], make_turn(other, "other room")):
        await untended.spool.keep(turn)
    if whole_user:
        assert await untended.delete_user(room.service, "alice") == deleted
    else:
        assert await untended.delete_room(room) == deleted
    assert await texts(untended, room) == []
    assert await texts(untended, other) == ([] if whole_user else ["other room"])
    assert not list(untended.spool.folder.glob("*.turn"))


@pytest.mark.parametrize("written_before", [True, False])
async def test_an_insert_that_lands_late_does_not_undo_a_delete(
    untended: ResilientHistory, store: FlakyStore, written_before: bool
) -> None:
    room = make_room()
    store.mode = "hang"
    await keep(untended, room, "a")
    store.mode = "up"
    untended.watch.found()
    if written_before:
        assert await texts(untended, room) == ["a"]
        assert untended.pending() == 0
    assert await untended.delete_room(room) == 1
    await store.release()
    assert [turn.question for turn in store.in_room(room)] == ["a"], "the late insert must land for this test"
    assert await texts(untended, room) == []
    assert store.in_room(room) == []


async def test_marks_are_cleared_in_the_end(store: FlakyStore, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    history = ResilientHistory(store, spool, BUDGET, RetryPace(0.01, 0.02, 0.02, probe=0.1, mark=0.1))
    history.start()
    room = make_room()
    store.mode = "hang"
    await keep(history, room, "a")
    store.mode = "up"
    await until(lambda: history.pending() == 0)
    assert await history.delete_room(room) == 1
    await store.release()
    await until(lambda: [path.name for path in spool.folder.iterdir()] == ["lock"])
    assert store.in_room(room) == []
    await history.close()


async def test_retention_prunes_daily_and_tries_again_sooner_in_an_outage() -> None:
    pauses: list[float] = []
    cutoffs: list[datetime] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 4:
            raise asyncio.CancelledError

    async def prune(older_than: datetime) -> int:
        cutoffs.append(older_than)
        if len(cutoffs) == 1:
            raise HistoryUnavailable("away")
        return 0

    with pytest.raises(asyncio.CancelledError):
        await prune_daily(prune, 30, sleep=sleep)
    assert pauses == [FIRST_SECONDS, RETRY_SECONDS, DAY_SECONDS, DAY_SECONDS]
    assert abs((datetime.now(UTC) - cutoffs[0]).days - 30) <= 1


async def test_a_kept_turn_saves_its_room_from_pruning(history: ResilientHistory, store: FlakyStore) -> None:
    room = make_room()
    await history.remember(make_turn(room, "old", minutes=0))
    store.mode = "down"
    await history.remember(make_turn(room, "new", minutes=100))
    store.mode = "up"
    await until(lambda: not history.watch.away)
    assert await history.prune(START.replace(hour=13)) == 0
    assert await texts(history, room) == ["old", "new"]
