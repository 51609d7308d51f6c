"""The history over a real MongoDB-protocol server that is killed, frozen, missing and started again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import SecretStr
from pymongo.errors import DuplicateKeyError
from tests.history.makers import make_room, make_turn
from tests.history.servers import MongoServer

from chatbot.adapters.history import mongo
from chatbot.adapters.history.exporting import turns_of_room
from chatbot.adapters.history.mongo import MongoTurnStore
from chatbot.adapters.history.opening import open_history
from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.watch import RetryPace
from chatbot.domain.config import HistoryConfig
from chatbot.domain.errors import StartupError
from chatbot.domain.history import HistoryUnavailable, NewTurn, Recalled, Stored, Turn

pytestmark = pytest.mark.anyio

BUDGET = 0.5
QUICK = RetryPace(first_retry=0.05, longest_retry=0.2, idle=1.0, probe=1.0)


@pytest.fixture
async def history(
    own_mongo_server: MongoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ResilientHistory]:
    # Only the budget is to end what a frozen server leaves open.
    monkeypatch.setattr(mongo, "OPERATION_SECONDS", 60.0)
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    history = ResilientHistory(MongoTurnStore(own_mongo_server.uri, "chat", BUDGET), spool, BUDGET, QUICK)
    history.start()
    # The first write makes the indexes: on a busy machine it takes longer than the budget.
    async with asyncio.timeout(30):
        while await history.remember(make_turn(make_room(), "first")) is not Stored.DATABASE:
            await until_reached(history)
    await until_written(history)
    yield history
    own_mongo_server.thaw()
    await history.close()


async def until_written(history: ResilientHistory) -> None:
    async with asyncio.timeout(20):
        while history.pending():
            await asyncio.sleep(0.02)


async def until_reached(history: ResilientHistory) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                await history.ping()
            except HistoryUnavailable:
                await asyncio.sleep(0.02)
            else:
                return


async def test_forty_writers_of_one_room_lose_nothing_while_the_server_is_killed(
    history: ResilientHistory, own_mongo_server: MongoServer
) -> None:
    room = make_room()
    random = Random(5)
    before = make_turn(room, "before")
    states = {await history.remember(before)}
    acknowledged: list[list[UUID]] = [[before.id], *([] for _ in range(39))]

    async def write(mine: list[UUID]) -> None:
        for number in range(4):
            turn = make_turn(room, f"q{number}")
            states.add(await history.remember(turn))
            mine.append(turn.id)
            await asyncio.sleep(random.uniform(0, 0.6))

    async def disturb() -> None:
        for _ in range(3):
            await asyncio.sleep(random.uniform(0.1, 0.4))
            own_mongo_server.kill()
            await asyncio.sleep(random.uniform(0, 0.3))
            await asyncio.to_thread(own_mongo_server.start)

    await asyncio.gather(disturb(), *(write(mine) for mine in acknowledged))
    await until_written(history)
    await until_reached(history)
    turns = [turn async for turn in turns_of_room(history, room)]

    ids = [turn.id for turn in turns]
    assert len(ids) == 161
    assert set(ids) == {id_ for mine in acknowledged for id_ in mine}
    assert [turn.index for turn in turns] == list(range(1, 162))
    place = {id_: number for number, id_ in enumerate(ids)}
    for mine in acknowledged:
        assert [place[id_] for id_ in mine] == sorted(place[id_] for id_ in mine), (
            "a writer's order is broken"
        )
    assert states == {Stored.DATABASE, Stored.KEPT}, "the server was not disturbed enough to show anything"


async def test_a_frozen_server_costs_the_budget_once_and_loses_nothing(
    history: ResilientHistory, own_mongo_server: MongoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room()
    assert await history.remember(make_turn(room, "before")) is Stored.DATABASE
    own_mongo_server.freeze()
    async with asyncio.timeout(30):
        assert (await history.recall(room, 10)).state is Recalled.PARTIAL
    inserts: list[NewTurn] = []
    insert = history.store.insert

    async def watched(turn: NewTurn) -> Turn | None:
        inserts.append(turn)
        return await insert(turn)

    monkeypatch.setattr(history.store, "insert", watched)
    for number in range(5):
        assert await history.remember(make_turn(room, f"frozen {number}")) is Stored.KEPT
    assert inserts == []
    assert [turn.question for turn in (await history.recall(room, 2)).turns] == ["frozen 3", "frozen 4"]
    own_mongo_server.thaw()
    await until_written(history)
    whole = await history.recall(room, 10)
    assert whole.state is Recalled.WHOLE
    assert [turn.question for turn in whole.turns] == ["before", *(f"frozen {number}" for number in range(5))]


async def test_a_start_without_the_server_is_a_start(
    missing_mongo_server: MongoServer, tmp_path: Path
) -> None:
    config = HistoryConfig(mongo_uri=SecretStr(missing_mongo_server.uri), timeout_seconds=BUDGET)
    opening = asyncio.create_task(open_history(config, tmp_path))
    await asyncio.sleep(0)
    assert opening.done(), "it waits for nothing"
    history = await opening
    room = make_room()
    try:
        assert await history.remember(make_turn(room, "a")) is Stored.KEPT
        assert [turn.question for turn in (await history.recall(room, 10)).turns] == ["a"]
        await asyncio.to_thread(missing_mongo_server.start)
        await until_written(history)
        assert (await history.recall(room, 10)).turns[0].index == 1
    finally:
        await history.close()


async def test_the_unique_index_is_the_database_s_own(mongo_server: MongoServer) -> None:
    store = MongoTurnStore(mongo_server.uri, "index_test", BUDGET)
    turn = make_turn(make_room())
    await store.insert(turn)
    await store.close()
    client: Any = AsyncIOMotorClient(mongo_server.uri)
    document = await client["index_test"]["turns"].find_one({"_id": str(turn.id)})
    assert document is not None
    with pytest.raises(DuplicateKeyError):
        await client["index_test"]["turns"].insert_one({**document, "_id": "another"})
    client.close()


async def test_a_missing_server_is_noticed_within_the_budget(missing_mongo_server: MongoServer) -> None:
    store = MongoTurnStore(missing_mongo_server.uri, "chat", timeout_seconds=0.2)
    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        store.ping,
        lambda: store.insert(make_turn(make_room())),
        lambda: store.recent(make_room(), 5),
        lambda: store.delete_room(make_room()),
    )
    for call in calls:
        # The driver's own patience is thirty seconds.
        async with asyncio.timeout(20):
            with pytest.raises(HistoryUnavailable):
                await call()
    await store.close()


@pytest.mark.parametrize("uri", ["http://user:hunter2@host", "mongodb://user:hun/ter2@host:x", "mongodb://"])
async def test_a_wrong_address_is_told_without_its_password(uri: str, tmp_path: Path) -> None:
    with pytest.raises(StartupError) as error:
        await open_history(HistoryConfig(mongo_uri=SecretStr(uri)), tmp_path)
    assert "CHATBOT_HISTORY__MONGO_URI" in str(error.value)
    assert "hun" not in str(error.value)
