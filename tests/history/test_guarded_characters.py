"""Characters of a database that is away: every call says so, in its time, and keeps nothing for later."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from tests.history.flaky import FlakyStore
from tests.history.resilience import history, store, untended
from tests.history.test_character_contract import ALICE, version

from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.domain.history import HistoryUnavailable

pytestmark = pytest.mark.anyio

__all__ = ["history", "store", "untended"]


async def test_a_healthy_database_has_them(history: ResilientHistory) -> None:
    mine = version()
    assert await history.characters.put(ALICE, mine)
    assert await history.characters.read(ALICE, mine.id) == mine
    assert [line.id for line in await history.characters.lines(ALICE)] == [mine.id]
    assert await history.characters.owners() == [ALICE]
    assert await history.characters.delete(ALICE, mine.id) == 1
    assert await history.characters.delete_all(ALICE) == 0


async def test_every_call_says_that_the_database_is_away(
    untended: ResilientHistory, store: FlakyStore
) -> None:
    untended.watch.lost(HistoryUnavailable("down"))
    kept, mine = untended.characters, version()
    calls: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: kept.lines(ALICE),
        lambda: kept.read(ALICE, mine.id),
        lambda: kept.put(ALICE, mine),
        lambda: kept.delete(ALICE, mine.id),
        lambda: kept.delete_all(ALICE),
        kept.owners,
    )
    for call in calls:
        with pytest.raises(HistoryUnavailable):
            await call()
    assert store.characters.stored == {}


async def test_an_answer_waits_no_longer_for_a_character_than_for_its_room(
    untended: ResilientHistory, store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(store.characters, "read", hang)
    with pytest.raises(HistoryUnavailable, match="in time"):
        await untended.characters.read(ALICE, uuid4())
    assert untended.watch.away
