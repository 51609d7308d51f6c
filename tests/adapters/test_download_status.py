"""What a download leaves on the models volume, and what those who wait for its file make of it."""

import os
import re
import threading
import time
from pathlib import Path

import pytest

from chatbot.adapters import download_status
from chatbot.adapters.download_status import DownloadWatch, StatusFile, renewing
from chatbot.adapters.models import ModelStore
from chatbot.domain.model_files import CatalogueEntry, ModelStoreError

NAMES = ("a.gguf", "b.gguf")
# A port that nobody listens on: what fails here is a real connection.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, lines: list[str]) -> ModelStore:
    return ModelStore(tmp_path, lines.append, endpoint=NOWHERE)


def fail(store: ModelStore, run: str, tries: int) -> None:
    models = [CatalogueEntry(repository="o/n", file=name) for name in NAMES]
    with pytest.raises(ModelStoreError):
        store.download_all(models, run, tries)


@pytest.mark.parametrize("name", NAMES)
def test_who_waits_repeats_the_error_and_ends_with_the_last_try(
    store: ModelStore, lines: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second file is waited for in vain too: its turn never came."""
    fail(store, "first", 2)
    with pytest.raises(ModelStoreError, match="did not appear"):
        store.wait(name, 0.01)
    assert re.search(rf"{name}: try 1 of 2 failed \d+ s ago: {NOWHERE}/o/n/", lines[-1])
    fail(store, "first", 2)
    with pytest.raises(ModelStoreError, match="did not appear"):
        store.wait(name, 0.01)
    assert re.search(rf"{name}: a former download failed 2 times, at last with: {NOWHERE}/o/n/", lines[-1])
    monkeypatch.setattr(download_status, "_FORMER_SECONDS", 0.0)
    with pytest.raises(ModelStoreError, match=r"failed 2 times, at last with: http://127\.0\.0\.1:9/o/n/"):
        store.wait(name, 60)


def test_another_run_counts_its_own_tries(store: ModelStore) -> None:
    fail(store, "first", 1)
    fail(store, "second", 2)
    with pytest.raises(ModelStoreError, match="did not appear"):
        store.wait("a.gguf", 0.01)


def test_no_sign_and_no_download_have_sentences_of_their_own(
    store: ModelStore, lines: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ModelStoreError, match="did not appear"):
        store.wait("a.gguf", 0.01)
    assert "no download of it has begun" in lines[-1]
    work = tmp_path / ".incoming"
    work.mkdir()
    status = StatusFile(work, "a.gguf")
    status.begin("run", 3)
    assert status.tell() == ""
    ago = time.time() - 600
    os.utime(work / "a.gguf.status.json", (ago, ago))
    assert status.tell().startswith("no sign of its download for 600 s")
    (work / "a.gguf.0.part").write_bytes(b"x")
    assert status.tell() == ""


@pytest.mark.parametrize("text", [b"", b"{}", b'{"run": 1}', b"\xff"])
def test_a_file_that_is_no_status_is_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.gguf.status.json").write_bytes(text)
    status = StatusFile(tmp_path, "a.gguf")
    assert status.read() is None
    status.fail("run", "x")
    assert status.read() is None


class Clock:
    """Seconds that a test counts itself."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def watched(folder: Path) -> tuple[StatusFile, Clock, DownloadWatch]:
    """A status, and one who waits by a clock that the test turns."""
    clock = Clock()
    return StatusFile(folder, "a.gguf"), clock, DownloadWatch(StatusFile(folder, "a.gguf"), clock)


def test_a_last_try_that_was_killed_is_waited_for_no_longer(tmp_path: Path) -> None:
    """After a SIGKILL, an eviction or a want of memory nobody writes what became of it."""
    status, clock, watch = watched(tmp_path)
    for tried in (1, 2):
        status.begin("run", 2)
        assert watch.in_vain() == ""
        clock.now += 119
        assert watch.in_vain() == ""
        clock.now += 2
        # Another try follows the first one by itself.
        assert ("try 2 of 2: it was killed" in watch.in_vain()) is (tried == 2)


def test_a_long_check_of_a_file_is_no_death(tmp_path: Path) -> None:
    status, clock, watch = watched(tmp_path)
    status.begin("run", 1)
    path = tmp_path / "a.gguf.status.json"
    for step in range(1, 5):
        os.utime(path, (step, step))
        assert watch.in_vain() == ""
        clock.now += 100
    clock.now += 100
    assert watch.in_vain()


def test_the_failure_of_a_former_download_ends_nobody_while_another_may_begin(tmp_path: Path) -> None:
    former = StatusFile(tmp_path, "a.gguf")
    former.begin("former", 1)
    former.fail("former", "no such file")
    status, clock, watch = watched(tmp_path)
    clock.now += 59
    assert watch.in_vain() == ""
    status.begin("next", 1)
    clock.now += 100
    assert watch.in_vain() == ""
    status.fail("next", "still none")
    assert watch.in_vain() == "its download failed 1 times, at last with: still none"


def test_a_failure_that_no_download_follows_is_believed(tmp_path: Path) -> None:
    former = StatusFile(tmp_path, "a.gguf")
    former.begin("former", 1)
    former.fail("former", "no such file")
    _, clock, watch = watched(tmp_path)
    clock.now += 61
    assert "no such file" in watch.in_vain()


def test_a_download_tells_that_it_lives(tmp_path: Path) -> None:
    statuses = {name: StatusFile(tmp_path, name) for name in NAMES}
    for status in statuses.values():
        status.begin("run", 1)
        status.renew()
    paths = [tmp_path / f"{name}.status.json" for name in NAMES]
    for path in paths:
        os.utime(path, (1, 1))
    with renewing(statuses, 0.01):
        while not all(path.stat().st_mtime > 1 for path in paths):
            time.sleep(0.01)
        statuses.pop("a.gguf").clear()
        os.utime(paths[1], (1, 1))
        while paths[1].stat().st_mtime <= 1:
            time.sleep(0.01)
    assert not paths[0].exists()


def test_a_download_renews_its_status_as_long_as_it_runs(tmp_path: Path) -> None:
    def running() -> bool:
        return "download-signs" in [each.name for each in threading.enumerate()]

    (tmp_path / "a.gguf").write_bytes(b"x")
    seen: list[bool] = []
    ModelStore(tmp_path, lambda _: seen.append(running())).download_all(
        [CatalogueEntry(repository="o/n", file="a.gguf")]
    )
    assert seen
    assert all(seen)
    assert not running()
