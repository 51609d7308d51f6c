"""Keys that change while the suite runs: removed, added, broken, expired, and when each was last used."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.fakes import client_of, service_state
from typer.testing import CliRunner

from chatbot.adapters.key_file import add_entry, last_uses, remove_entry
from chatbot.adapters.key_watch import WatchedKeys
from chatbot.domain.access import KeyEntry, KeyRing, digest, today
from chatbot.server.commands.keys import app

pytestmark = pytest.mark.anyio


def entry(name: str, expires: date | None = None) -> KeyEntry:
    """A key that is called as its name says."""
    return KeyEntry(name=name, sha256=digest(name), users=("*",), expires=expires)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    add_entry(path, entry("first"))
    return path


@pytest.fixture
async def keys(path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WatchedKeys]:
    """The file's keys, looked at often."""
    monkeypatch.setattr("chatbot.adapters.key_watch.LOOK_SECONDS", 0.02)
    keys = WatchedKeys(path)
    watching = asyncio.create_task(keys.watch())
    yield keys
    watching.cancel()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_removed_key_is_refused_and_a_new_one_taken_without_a_restart(
    path: Path, keys: WatchedKeys
) -> None:
    async with client_of(service_state(keys=keys)) as client:

        async def status(key: str) -> int:
            headers = {"Authorization": f"Bearer {key}"}
            return (await client.get("/office/v1/models", headers=headers)).status_code

        assert [await status(key) for key in ("first", "second")] == [200, 401]
        add_entry(path, entry("second"))
        await until(lambda: keys.find("second") is not None)
        remove_entry(path, "first")
        await until(lambda: keys.find("first") is None)
        assert [await status(key) for key in ("first", "second")] == [401, 200]


async def test_a_broken_file_keeps_the_keys_and_is_said_once(
    path: Path, keys: WatchedKeys, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "chatbot.adapters.key_watch")

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records]

    path.write_text('[{"name": "canary"')
    await until(lambda: "keys_not_read" in said())
    path.unlink()
    await until(lambda: said().count("keys_not_read") == 2)
    await asyncio.sleep(0.1)
    assert said() == ["keys_not_read"] * 2
    assert keys.find("first") is not None
    add_entry(path, entry("second"))
    await until(lambda: keys.find("second") is not None)
    assert keys.find("first") is None


async def test_a_reload_reads_a_file_that_looks_unchanged(path: Path, keys: WatchedKeys) -> None:
    keys._ring = KeyRing(())
    await asyncio.sleep(0.1)
    assert keys.find("first") is None
    keys.reload()
    await until(lambda: keys.find("first") is not None)


def test_a_key_is_good_to_the_end_of_its_last_day() -> None:
    days = [date(2027, 1, 30), date(2027, 1, 31), date(2027, 2, 1)]
    clock = iter(days)
    ring = KeyRing([entry("a", days[1])], lambda: next(clock))
    assert [ring.find("a") is not None for _ in days] == [True, True, False]


async def test_an_expired_key_is_no_key() -> None:
    yesterday = today() - timedelta(days=1)
    async with client_of(service_state(keys=KeyRing([entry("old", yesterday)]))) as client:
        answer = await client.get("/office/v1/models", headers={"Authorization": "Bearer old"})
    assert answer.status_code == 401


async def test_the_last_use_is_written_beside_the_file_and_listed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_entry(path, entry("second", date(2999, 12, 31)))
    before, keys = datetime.now(UTC).replace(microsecond=0), WatchedKeys(path)
    files = sorted(path.parent.iterdir())
    for _ in range(3):
        keys.find("second")
    assert sorted(path.parent.iterdir()) == files, "a use must not write"
    await keys.note()
    used = last_uses(path)
    assert set(used) == {digest("second")}
    assert before <= used[digest("second")] <= datetime.now(UTC)
    # Another process's note of another key stays, an earlier one of the same key does not go before it.
    other = WatchedKeys(path)
    other.find("first")
    await other.note()
    assert set(last_uses(path)) == {digest("first"), digest("second")}
    monkeypatch.setenv("CHATBOT_ACCESS__KEYS_FILE", str(path))
    rows = [line.split("\t") for line in CliRunner().invoke(app, ["list"]).stdout.splitlines()]
    assert [row[:4] for row in rows] == [["first", "*", "-", "-"], ["second", "*", "-", "2999-12-31"]]
    assert all(datetime.fromisoformat(row[4]) >= before for row in rows)
    # A key that is gone is forgotten, and a damaged note is no obstacle.
    remove_entry(path, "first")
    later = WatchedKeys(path)
    later.find("second")
    await later.note()
    assert set(last_uses(path)) == {digest("second")}
    note = next(each for each in path.parent.iterdir() if each.name.endswith(".used"))
    note.write_text(json.dumps({"x": 5}))
    later.find("second")
    await later.note()
    assert set(last_uses(path)) == {digest("second")}


async def test_a_folder_that_cannot_be_written_costs_nothing(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = WatchedKeys(path)
    (path.parent / "keys.json.used").mkdir()
    for _ in range(2):
        assert keys.find("first") is not None
        await keys.note()
    assert [record.getMessage() for record in caplog.records] == ["key_uses_not_noted"]
