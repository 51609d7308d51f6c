"""A history over a store that fails on command, for the tests of what happens then."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.history.flaky import FlakyStore
from tests.history.makers import make_turn

from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.watch import RetryPace
from chatbot.domain.history import NewTurn, Room, Stored

BUDGET = 0.05


FAST = RetryPace(first_retry=0.01, longest_retry=0.02, idle=0.05, probe=0.1)


@pytest.fixture
def store() -> FlakyStore:
    return FlakyStore()


@pytest.fixture
async def history(store: FlakyStore, tmp_path: Path) -> AsyncIterator[ResilientHistory]:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    history = ResilientHistory(store, spool, BUDGET, FAST)
    history.start()
    yield history
    store.mode = "up"
    await history.close()


@pytest.fixture
async def untended(store: FlakyStore, tmp_path: Path) -> AsyncIterator[ResilientHistory]:
    """A history whose background task never runs: what is kept stays so until a call writes it."""
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    history = ResilientHistory(store, spool, BUDGET, FAST)
    yield history
    await history.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def keep(history: ResilientHistory, room: Room, *texts: str) -> list[NewTurn]:
    """Remember turns while the database is away."""
    turns = [make_turn(room, text) for text in texts]
    for turn in turns:
        assert await history.remember(turn) is Stored.KEPT
    return turns


async def texts(history: ResilientHistory, room: Room) -> list[str]:
    return [turn.question for turn in (await history.recall(room, 100)).turns]
