"""History over a database that comes and goes: nothing lost, nothing doubled, nothing slow, nothing back."""

import asyncio
import errno
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.history import flaky
from tests.history.flaky import FlakyStore
from tests.history.makers import make_room, make_turn
from tests.history.resilience import BUDGET, FAST, history, keep, store, texts, untended, until

from chatbot.adapters.history import kept_files, resilient, spool
from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.watch import RetryPace
from chatbot.domain.history import HistoryUnavailable, NewTurn, Recalled, RoomChange, Stored, Turn

pytestmark = pytest.mark.anyio

__all__ = ["history", "store", "untended"]


async def test_a_healthy_database_has_every_turn_at_once(
    history: ResilientHistory, store: FlakyStore
) -> None:
    room = make_room()
    assert await history.remember(make_turn(room, "a")) is Stored.DATABASE
    recollection = await history.recall(room, 10)
    assert recollection.state is Recalled.WHOLE
    assert [turn.question for turn in recollection.turns] == ["a"]
    assert history.pending() == 0
    assert not list(history.spool.folder.glob("*.turn"))


async def test_an_answer_goes_on_without_facts_while_the_database_is_away(
    history: ResilientHistory, store: FlakyStore
) -> None:
    room = make_room()
    await history.remember(make_turn(room))
    await history.change(room, RoomChange(facts=("하나", "둘")))
    assert await history.facts(room) == ("하나", "둘")
    store.mode = "hang"
    assert await history.facts(room) == ()
    store.mode = "down"
    assert await history.facts(room) == ()
    store.mode = "up"
    await until(lambda: not history.watch.away)
    assert await history.facts(room) == ("하나", "둘")


async def test_kept_turns_count_in_recall_and_are_written_in_order(
    history: ResilientHistory, store: FlakyStore
) -> None:
    room = make_room()
    await history.remember(make_turn(room, "before"))
    store.mode = "down"
    await keep(history, room, "a", "b", "c")
    recollection = await history.recall(room, 2)
    assert recollection.state is Recalled.PARTIAL
    assert [turn.question for turn in recollection.turns] == ["b", "c"]
    assert history.pending() == 3
    store.mode = "up"
    await until(lambda: history.pending() == 0)
    assert [(turn.index, turn.question) for turn in store.in_room(room)] == [
        (1, "before"), (2, "a"), (3, "b"), (4, "c"),
    ]  # fmt: skip
    assert (await history.recall(room, 10)).state is Recalled.WHOLE


async def test_a_recall_holds_no_more_turns_than_have_so_many_characters(
    history: ResilientHistory, store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room()
    read = list[str]()

    def decoded(data: bytes) -> NewTurn | None:
        turn = kept_files.decode(data)
        read.append(turn.question if turn else "")
        return turn

    monkeypatch.setattr(spool, "decode", decoded)
    for name in "abcdef":
        await history.remember(make_turn(room, name, "답" * 99))
    whole = await history.recall(room, 100, chars=250)
    assert [turn.question for turn in whole.turns] == ["d", "e", "f"]
    store.mode = "down"
    await keep(history, room, *(name + "x" * 99 for name in "ghijkl"))
    partial = await history.recall(room, 100, chars=250)
    assert partial.state is Recalled.PARTIAL
    assert [turn.question[0] for turn in partial.turns] == ["j", "k", "l"]
    assert [text[0] for text in read] == ["l", "k", "j"], "no more is read of the folder, either"


async def test_a_lost_acknowledgement_doubles_nothing(history: ResilientHistory, store: FlakyStore) -> None:
    room = make_room()
    store.mode = "lost"
    await keep(history, room, "a", "b")
    store.mode = "up"
    await until(lambda: history.pending() == 0)
    assert [turn.question for turn in store.in_room(room)] == ["a", "b"]


async def test_a_silent_database_costs_its_budget_once(
    history: ResilientHistory, store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flaky, "OPERATION_SECONDS", 60.0)
    room = make_room()
    store.mode = "hang"
    begun = time.monotonic()
    async with asyncio.timeout(30):
        await keep(history, room, "a")
    assert time.monotonic() - begun >= BUDGET * 0.9
    for _ in range(10):
        assert (await history.recall(room, 10)).state is Recalled.PARTIAL
    await keep(history, room, *"bcdefghijk")
    assert store.calls.count("insert") == 1, "an outage must not cost the budget for every question"
    assert "recent" not in store.calls


async def test_a_turn_behind_a_kept_one_waits_for_it(history: ResilientHistory, store: FlakyStore) -> None:
    room = make_room()
    store.mode = "down"
    await keep(history, room, "a")
    async with history.spool.locked(1):
        store.mode = "up"
        await until(lambda: not history.watch.away)
        await keep(history, room, "b")
        other = make_room("bob")
        assert await history.remember(make_turn(other)) is Stored.DATABASE
    await until(lambda: history.pending() == 0)
    assert [turn.question for turn in store.in_room(room)] == ["a", "b"]


async def test_lists_pages_and_exports_write_first_what_is_kept(
    history: ResilientHistory, store: FlakyStore
) -> None:
    room = make_room()
    store.mode = "down"
    await keep(history, room, "a", "b")

    async def export() -> list[Turn]:
        return [turn async for turn in history.export(room.service, "alice")]

    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: history.page(room, 0, 10),
        lambda: history.rooms(room.service, "alice"),
        export,
        history.ping,
        history.owners,
        lambda: history.prune(datetime.now(UTC)),
    )
    for call in calls:
        with pytest.raises(HistoryUnavailable):
            await call()
    store.mode = "up"
    await until(lambda: not history.watch.away)
    assert [turn.question for turn in await history.page(room, 0, 10)] == ["a", "b"]
    assert [line.turns for line in await history.rooms(room.service, "alice")] == [2]
    assert [turn.index for turn in await export()] == [1, 2]


async def test_a_page_and_a_list_hold_what_is_still_kept(untended: ResilientHistory) -> None:
    room = make_room()
    await untended.spool.keep(make_turn(room, "a"))
    assert [turn.question for turn in await untended.page(room, 0, 10)] == ["a"]
    await untended.spool.keep(make_turn(room, "b"))
    assert [line.turns for line in await untended.rooms(room.service, "alice")] == [2]


async def test_while_the_database_is_away_nobody_asks_it(
    untended: ResilientHistory, store: FlakyStore
) -> None:
    room = make_room()
    store.mode = "down"
    await keep(untended, room, "a")
    store.mode = "up"
    store.calls.clear()
    for call in (untended.ping, lambda: untended.page(room, 0, 10), lambda: untended.delete_room(room)):
        with pytest.raises(HistoryUnavailable):
            await call()
    assert store.calls == []


async def test_a_turn_that_no_store_takes_holds_up_nobody(
    history: ResilientHistory, store: FlakyStore
) -> None:
    room = make_room()
    store.mode = "down"
    bad, good = await keep(history, room, "bad", "good")
    store.poison.add(bad.id)
    store.mode = "up"
    await until(lambda: history.pending() == 0)
    assert [turn.id for turn in store.in_room(room)] == [good.id]
    assert len(list(history.spool.folder.glob("*.aside"))) == 1
    assert await history.delete_room(room) == 2
    assert not list(history.spool.folder.glob("*.aside"))


async def test_without_database_and_disk_the_answer_is_not_called_stored(
    history: ResilientHistory, store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(turn: NewTurn) -> None:
        raise OSError(errno.ENOSPC, "no space")

    store.mode = "down"
    monkeypatch.setattr(history.spool, "keep", full)
    with pytest.raises(HistoryUnavailable):
        await history.remember(make_turn(make_room()))


async def test_an_unreadable_spool_costs_no_answer(
    history: ResilientHistory, store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(owner: object) -> None:
        raise OSError(errno.EIO, "broken")

    room = make_room()
    monkeypatch.setattr(history.spool, "of", broken)
    assert await history.remember(make_turn(room, "a")) is Stored.DATABASE
    assert await texts(history, room) == ["a"]
    with pytest.raises(HistoryUnavailable):
        await history.delete_room(room)


async def test_the_next_process_writes_what_the_last_one_kept(store: FlakyStore, tmp_path: Path) -> None:
    room = make_room()
    store.mode = "down"
    for number in range(2):
        spool = Spool(tmp_path / "spool")
        spool.prepare()
        history = ResilientHistory(store, spool, BUDGET, FAST)
        history.start()
        if number == 0:
            await keep(history, room, "a", "b")
            await history.close()
            store.mode = "up"
    await until(lambda: len(store.stored) == 2)
    await history.close()
    assert [turn.question for turn in store.in_room(room)] == ["a", "b"]


async def test_closing_writes_what_is_kept_when_it_can(store: FlakyStore, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    history = ResilientHistory(store, spool, BUDGET, RetryPace(0.01, 0.02, idle=3600))
    room = make_room()
    await spool.keep(make_turn(room, "a"))
    await history.close()
    assert [turn.question for turn in store.in_room(room)] == ["a"]
    assert store.closed


async def test_an_outage_is_told_once(
    history: ResilientHistory, store: FlakyStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, resilient.__name__)
    store.mode = "down"
    await keep(history, make_room(), *"abc")
    await until(lambda: store.calls.count("ping") > 4)
    store.mode = "up"
    await until(lambda: history.pending() == 0)
    messages = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert messages == ["history_away", "history_back"]
