"""What the SQLite file promises beyond the contract: private, durable settings, and deleted means deleted."""

import sqlite3
import stat
from pathlib import Path

import pytest
from tests.history.makers import make_room, make_turn, stored

from chatbot.adapters.history.opening import open_history
from chatbot.adapters.history.sqlite import SqliteTurnStore
from chatbot.domain.config import HistoryConfig
from chatbot.domain.errors import StartupError
from chatbot.domain.history import HistoryUnavailable

pytestmark = pytest.mark.anyio

CANARY = "카나리아-7f3a"


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_deleted_text_is_gone_from_the_disk(tmp_path: Path) -> None:
    store = await SqliteTurnStore.open(tmp_path / "history.sqlite3")
    room, other = make_room(), make_room("bob")
    for _ in range(20):
        await stored(store, make_turn(room, CANARY, CANARY * 500))
    await stored(store, make_turn(other, "stays"))
    assert CANARY.encode() in bytes_of(tmp_path)
    await store.delete_room(room)
    assert CANARY.encode() not in bytes_of(tmp_path)
    assert b"stays" in bytes_of(tmp_path)
    await store.close()


async def test_the_file_is_private_and_durable(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.sqlite3"
    store = await SqliteTurnStore.open(path)
    await stored(store, make_turn(make_room()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (mode,) = await store._reader.execute_fetchall("PRAGMA journal_mode")
    assert mode[0] == "wal"
    (durability,) = await store._writer.execute_fetchall("PRAGMA synchronous")
    assert durability[0] == 2
    await store.close()


async def test_another_writer_that_does_not_end_is_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.adapters.history.sqlite.BUSY_SECONDS", 0.05)
    store = await SqliteTurnStore.open(tmp_path / "history.sqlite3")
    rival = sqlite3.connect(tmp_path / "history.sqlite3")
    rival.execute("BEGIN IMMEDIATE")
    room = make_room()
    with pytest.raises(HistoryUnavailable):
        await stored(store, make_turn(room))
    assert await store.recent(room, 1) == []
    rival.rollback()
    rival.close()
    assert (await stored(store, make_turn(room))).index == 1
    await store.close()


@pytest.mark.parametrize("what", ["sqlite", "spool"])
async def test_an_unusable_place_stops_the_start_with_a_sentence(tmp_path: Path, what: str) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_bytes(b"this is no database, and no folder either" * 100)
    places = {"sqlite": {"sqlite_path": occupied}, "spool": {"spool_dir": occupied / "spool"}}
    config = HistoryConfig.model_validate(places[what])
    with pytest.raises(StartupError, match="occupied"):
        await open_history(config, tmp_path)
