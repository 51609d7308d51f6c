"""A whole history over a real file, killed at random moments: every acknowledged turn once, in order."""

import asyncio
from pathlib import Path

import pytest
from tests.history.killed import ROOM, kill_at_random, remember_until_killed

from chatbot.adapters.history.exporting import turns_of_room
from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.sqlite import SqliteTurnStore

pytestmark = pytest.mark.anyio


async def test_a_kill_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    acknowledged = await asyncio.to_thread(
        kill_at_random, remember_until_killed, str(tmp_path), tmp_path / "acknowledged", rounds=8, seed=11
    )
    history = ResilientHistory(
        await SqliteTurnStore.open(tmp_path / "history.sqlite3"), Spool(tmp_path / "spool"), 5
    )
    turns = [turn async for turn in turns_of_room(history, ROOM)]
    await history.close()

    ids = [turn.id for turn in turns]
    assert len(ids) == len(set(ids)), "a turn is doubled"
    assert [id_ for id_ in ids if id_ in set(acknowledged)] == acknowledged, "lost or out of order"
    assert [turn.index for turn in turns] == list(range(1, len(turns) + 1))
    assert len(ids) - len(acknowledged) <= 8, "one turn a kill may be stored without its acknowledgement"
    assert len(acknowledged) > 50
    assert not (await Spool(tmp_path / "spool").all()).turns
