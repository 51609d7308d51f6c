"""Forty writers of one room over HTTP while the database, or the suite too, is killed: nothing is lost."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from tests.history.servers import MongoServer
from tests.support.gguf_factory import Plan, write_model
from tests.system.running_suite import RunningSuite, running_suite

pytestmark = pytest.mark.anyio

WRITERS = 40
ROOM = "123e4567-e89b-12d3-a456-426614174000"


class Record:
    """What the writers asked, what they were told is stored, and where it was then."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.told: list[list[str]] = [[] for _ in range(WRITERS)]
        self.states: set[str] = set()

    @property
    def acknowledged(self) -> int:
        """How many turns are said to be stored."""
        return sum(map(len, self.told))


@contextmanager
def suite_on(folder: Path, model: Path, mongo: MongoServer) -> Iterator[RunningSuite]:
    """One life of the suite; its data and its database outlive it."""
    with running_suite(
        folder,
        CHATBOT_OFFICE__MODEL=str(model),
        CHATBOT_CHARACTER__MODEL=str(model),
        CHATBOT_OFFICE__MAX_TOKENS="2",
        CHATBOT_OFFICE__CONTEXT_TOKENS="1024",
        CHATBOT_QUEUE__MAX_PER_USER=str(WRITERS),
        CHATBOT_HISTORY__MONGO_URI=mongo.uri,
    ) as suite:
        yield suite


async def write(client: httpx.AsyncClient, writer: int, turns: int, record: Record) -> None:
    """Ask until the suite is gone; what an answer came for is stored."""
    for _ in range(turns):
        question = f"{writer}/{len(record.asked)}"
        record.asked.append(question)
        body = {"input_data": question, "user_id": "team", "db_id": ROOM}
        try:
            answer = await client.post("/office/Llama", json=body)
        except httpx.TransportError:
            return
        assert answer.status_code == 200, answer.text
        record.told[writer].append(question)
        record.states.add(answer.headers["x-history"].partition("-")[0])


async def reached(state: Callable[[], bool]) -> None:
    """Wait, as long as the test may last, until the writers have come so far."""
    while not state():
        await asyncio.sleep(0.02)


async def life(suite: RunningSuite, turns: int, record: Record, trouble: Any) -> None:
    async with httpx.AsyncClient(
        base_url=suite.gateway, timeout=60, limits=httpx.Limits(max_connections=WRITERS)
    ) as client:
        await asyncio.gather(trouble, *(write(client, writer, turns, record) for writer in range(WRITERS)))


async def stored(suite: RunningSuite) -> list[dict[str, Any]]:
    """The whole room, when the database has everything."""
    turns: list[dict[str, Any]] = []
    async with httpx.AsyncClient(base_url=suite.gateway, timeout=60) as client, asyncio.timeout(60):
        while suite.metric("chatbot_history_pending_turns", service="office"):
            await asyncio.sleep(0.1)
        after: int | None = 0
        while after is not None:
            page = await client.get(f"/office/rooms/{ROOM}", params={"user_id": "team", "after": after})
            if page.status_code == 503:
                await asyncio.sleep(0.1)
                continue
            assert page.status_code == 200, page.text
            turns += page.json()["turns"]
            after = page.json()["next_after"]
    return turns


def assert_once_and_in_order(turns: list[dict[str, Any]], record: Record) -> None:
    questions = [turn["input_data"] for turn in turns]
    assert len(questions) == len(set(questions)), "a turn is doubled"
    assert [turn["index"] for turn in turns] == list(range(1, len(turns) + 1))
    assert set(questions) <= set(record.asked)
    place = {question: number for number, question in enumerate(questions)}
    for mine in record.told:
        assert set(mine) <= set(place), "an acknowledged turn is lost"
        assert [place[question] for question in mine] == sorted(place[question] for question in mine)


async def test_the_database_is_killed_and_started_again(
    tmp_path: Path, own_mongo_server: MongoServer
) -> None:
    record, random = Record(), Random(7)

    async def trouble() -> None:
        # On a busy machine the first answers come late: the first kill waits for one that is stored.
        await reached(lambda: "database" in record.states)
        for _ in range(3):
            await asyncio.sleep(random.uniform(0.2, 0.8))
            own_mongo_server.kill()
            await asyncio.sleep(random.uniform(0.1, 0.6))
            await asyncio.to_thread(own_mongo_server.start)

    model = write_model(tmp_path / "tiny.gguf", Plan())
    with suite_on(tmp_path, model, own_mongo_server) as suite:
        await life(suite, 6, record, trouble())
        turns = await stored(suite)
    assert_once_and_in_order(turns, record)
    assert len(turns) == len(record.asked) == 6 * WRITERS
    assert record.states == {"database", "kept"}, "the database was not disturbed enough to show anything"


async def test_the_suite_is_killed_and_started_again_and_so_is_the_database(
    tmp_path: Path, own_mongo_server: MongoServer
) -> None:
    record, random = Record(), Random(11)
    model = write_model(tmp_path / "tiny.gguf", Plan())

    async def trouble(suite: RunningSuite) -> None:
        before = record.acknowledged
        await reached(lambda: record.acknowledged >= before + WRITERS // 2)
        own_mongo_server.kill()
        await asyncio.sleep(random.uniform(0.1, 0.5))
        suite.process.kill()
        await asyncio.to_thread(suite.process.wait)
        await asyncio.to_thread(own_mongo_server.start)

    for _ in range(2):
        with suite_on(tmp_path, model, own_mongo_server) as suite:
            await life(suite, 1000, record, trouble(suite))
    with suite_on(tmp_path, model, own_mongo_server) as suite:
        turns = await stored(suite)
    assert_once_and_in_order(turns, record)
    assert record.acknowledged >= WRITERS
    unheard = len(turns) - record.acknowledged
    assert unheard <= 2 * WRITERS, "a writer has at most one question under way when a life ends"
