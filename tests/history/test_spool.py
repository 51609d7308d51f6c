"""The folder of kept turns: whole or absent at any moment, in order, and shared by several processes."""

import asyncio
import os
import stat
import time
from pathlib import Path

import pytest
from tests.history.flaky import FlakyStore
from tests.history.killed import keep_until_killed, kill_at_random
from tests.history.makers import make_room, make_turn

from chatbot.adapters.history.catching_up import CatchUp
from chatbot.adapters.history.kept_files import owner_hash
from chatbot.adapters.history.spool import STALE_SECONDS, Spool
from chatbot.domain.history import HistoryUnavailable, Owner

pytestmark = pytest.mark.anyio

ROOM = make_room("alice")
OWNER = Owner(ROOM.service, ROOM.user_id)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    spool = Spool(tmp_path / "spool")
    spool.prepare()
    return spool


async def test_turns_come_back_in_the_order_of_keeping(spool: Spool) -> None:
    turns = [make_turn(ROOM, f"q{number}") for number in range(12)]
    for turn in turns:
        await spool.keep(turn)
    assert await spool.read((await spool.of(OWNER)).turns) == turns


async def test_another_process_goes_on_behind_what_is_there(spool: Spool) -> None:
    first, second, third = (make_turn(ROOM, text) for text in "abc")
    other = Spool(spool.folder)
    await spool.keep(first)
    await other.keep(second)
    await spool.keep(third)
    assert await spool.read((await other.of(OWNER)).turns) == [first, second, third]


async def test_the_same_turn_is_kept_once(spool: Spool) -> None:
    turn = make_turn(ROOM)
    await spool.keep(turn)
    await spool.keep(turn)
    assert len((await spool.all()).turns) == 1
    assert not list(spool.folder.glob("*.tmp"))


async def test_users_are_apart_and_not_named(spool: Spool) -> None:
    await spool.keep(make_turn(ROOM))
    await spool.keep(make_turn(make_room("..")))
    kept = await spool.of(OWNER)
    assert [entry.db_id for entry in kept.turns] == [ROOM.db_id]
    assert not any("alice" in path.name for path in spool.folder.iterdir())


async def test_only_the_owner_of_the_process_can_read(spool: Spool) -> None:
    await spool.keep(make_turn(ROOM))
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    for path in spool.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
async def test_a_damaged_file_is_told_and_holds_up_nothing(spool: Spool, damage: str) -> None:
    bad, good = make_turn(ROOM, "bad"), make_turn(ROOM, "good")
    await spool.keep(bad)
    await spool.keep(good)
    entry = (await spool.of(OWNER)).turns[0]
    path = spool.folder / entry.name
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-9], "flip": data.replace(b"bad", b"bud"), "empty": b""}[damage])

    assert await spool.read((await spool.of(OWNER)).turns) == [good]
    store = FlakyStore()
    await CatchUp(store, spool, 60).everybody()
    assert set(store.stored) == {good.id}
    assert [entry.id for entry in (await spool.of(OWNER)).aside] == [bad.id]


async def test_marks_are_empty_and_stay_until_forgotten(spool: Spool) -> None:
    await spool.keep(make_turn(ROOM, "비밀"))
    await spool.mark_done((await spool.of(OWNER)).turns)
    kept = await spool.of(OWNER)
    assert (len(kept.turns), len(kept.done)) == (0, 1)
    await spool.mark_gone(kept.done)
    kept = await spool.of(OWNER)
    assert (len(kept.done), len(kept.gone)) == (0, 1)
    assert all(path.stat().st_size == 0 for path in spool.folder.iterdir())
    await spool.forget(kept.gone)
    assert (await spool.all()).by_owner() == {}


async def test_what_a_kill_left_half_written_is_cleared_when_it_is_old(spool: Spool) -> None:
    old, new = spool.folder / "a.tmp", spool.folder / "b.tmp"
    for path in (old, new):
        path.write_bytes(b"half")
    past = time.time() - STALE_SECONDS - 5
    os.utime(old, (past, past))
    spool.prepare()
    assert (old.exists(), new.exists()) == (False, True)
    assert (await spool.all()).turns == []


async def test_two_holders_of_the_folder_exclude_each_other(spool: Spool) -> None:
    other = Spool(spool.folder)
    async with spool.locked(1):
        for rival in (other, spool):
            with pytest.raises(HistoryUnavailable):
                async with rival.locked(0.05):
                    pytest.fail("two held the folder")
    async with other.locked(0.05):
        pass


async def test_foreign_files_are_left_alone(spool: Spool) -> None:
    for name in ("README", "a.b.c.d.turn", f"{owner_hash(OWNER)}.x.1.y.turn"):
        (spool.folder / name).write_text("hello")
    assert (await spool.all()).by_owner() == {}


async def test_no_acknowledged_turn_is_lost_to_a_kill_at_any_moment(spool: Spool, tmp_path: Path) -> None:
    acknowledged = await asyncio.to_thread(
        kill_at_random, keep_until_killed, str(spool.folder), tmp_path / "acknowledged", rounds=6, seed=7
    )
    kept = (await spool.all()).turns
    assert len(await spool.read(kept)) == len(kept), "a file is torn"
    ids = [entry.id for entry in kept]
    assert len(ids) == len(set(ids))
    assert set(acknowledged) <= set(ids)
    assert len(acknowledged) > 20
