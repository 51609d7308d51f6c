"""What a download leaves on the models volume, and what those who wait for its file make of it."""

import os
import re
import time
from pathlib import Path

import pytest

from chatbot.adapters.download_status import StatusFile
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
    store: ModelStore, lines: list[str], name: str
) -> None:
    """The second file is waited for in vain too: its turn never came."""
    fail(store, "first", 2)
    with pytest.raises(ModelStoreError, match="did not appear"):
        store.wait(name, 0.01)
    assert re.search(rf"{name}: try 1 of 2 failed \d+ s ago: {NOWHERE}/o/n/", lines[-1])
    fail(store, "first", 2)
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
