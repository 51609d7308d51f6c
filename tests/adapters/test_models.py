"""The model store against a hub that speaks the protocol: resumed, checked, never half, never twice."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chatbot.adapters.models import LOCK_FILE, ModelStore
from chatbot.domain.model_files import CatalogueEntry, ModelStoreError

SIZE = 3_000_000
CONTENT = bytes(range(256)) * (SIZE // 256)
DIGEST = sha256(CONTENT).hexdigest()


def _hub_module() -> ModuleType:
    path = Path(__file__).parents[2] / "k8s-tests" / "hub" / "hub_server.py"
    spec = importlib.util.spec_from_file_location("hub_server", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "tiny.gguf").write_bytes(CONTENT)
    server = _hub_module().Hub(tmp_path / "hub")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def store(hub: Any, tmp_path: Path, lines: list[str]) -> ModelStore:
    return ModelStore(tmp_path / "models", lines.append, endpoint=hub.endpoint)


def model(**changes: str) -> CatalogueEntry:
    return CatalogueEntry.model_validate({"repository": "owner/tiny", "file": "tiny.gguf", **changes})


def transfers(hub: Any) -> list[str]:
    return [wanted for method, _, wanted in hub.requests if method == "GET"]


def test_a_file_is_put_in_place_and_recorded(store: ModelStore, hub: Any, tmp_path: Path) -> None:
    path = store.download(model(sha256=DIGEST))
    assert path.read_bytes() == CONTENT
    recorded = json.loads((tmp_path / "models" / LOCK_FILE).read_text())["tiny.gguf"]
    assert recorded["sha256"] == DIGEST
    assert recorded["size"] == len(CONTENT)
    assert len(recorded["revision"]) == 40
    assert store.verify() == []


def test_a_second_download_transfers_nothing(store: ModelStore, hub: Any) -> None:
    store.download(model())
    before = len(hub.requests)
    store.download(model())
    assert len(hub.requests) == before


@pytest.mark.parametrize("cut", [1 << 16, 1_500_000])
def test_an_interrupted_download_resumes(
    store: ModelStore, hub: Any, tmp_path: Path, lines: list[str], cut: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    # What the library has not yet written in whole blocks (10 MiB) is lost; this file is smaller than one.
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1 << 16)
    hub.cuts = [cut] + [0] * 9
    with pytest.raises(ModelStoreError, match="run it again to resume"):
        store.download(model())
    assert not (tmp_path / "models" / "tiny.gguf").exists()
    part = next((tmp_path / "models" / ".incoming").glob("*.part"))
    have = part.stat().st_size
    assert 0 < have < len(CONTENT)

    hub.cuts.clear()
    hub.requests.clear()
    assert store.download(model()).read_bytes() == CONTENT
    assert transfers(hub) == [f"bytes={have}-"]
    assert any("resuming at" in line for line in lines)


def test_a_wrong_hash_is_refused_and_nothing_is_kept(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelStoreError, match=f"sha256 {DIGEST}, expected {'0' * 64}"):
        store.download(model(sha256="0" * 64))
    assert not (tmp_path / "models" / "tiny.gguf").exists()
    assert list((tmp_path / "models" / ".incoming").glob("*.part")) == []


def test_a_file_put_there_by_hand_is_recorded_or_refused(store: ModelStore, hub: Any, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    path = tmp_path / "models" / "tiny.gguf"
    path.write_bytes(b"another model")
    with pytest.raises(ModelStoreError, match="not the file of the catalogue"):
        store.download(model(sha256=DIGEST))
    assert path.read_bytes() == b"another model"
    store.download(model())
    assert store.locked()["tiny.gguf"].sha256 == sha256(b"another model").hexdigest()
    assert hub.requests == []


def test_verify_finds_damage_and_loss(store: ModelStore, tmp_path: Path) -> None:
    path = store.download(model())
    path.write_bytes(b"x" + CONTENT[1:])
    assert [fault.split(":")[0] for fault in store.verify()] == ["tiny.gguf is damaged"]
    path.unlink()
    assert store.verify() == [f"tiny.gguf is missing from {tmp_path / 'models'}"]


def test_the_token_is_sent_and_its_lack_is_a_sentence(hub: Any, tmp_path: Path, lines: list[str]) -> None:
    hub.token = "secret-token"
    with pytest.raises(ModelStoreError, match="401"):
        ModelStore(tmp_path / "m", lines.append, endpoint=hub.endpoint, token="wrong").download(model())
    ModelStore(tmp_path / "m", lines.append, endpoint=hub.endpoint, token="secret-token").download(model())
    assert "secret-token" not in "\n".join(lines)


def test_an_absent_file_is_a_sentence(store: ModelStore) -> None:
    with pytest.raises(ModelStoreError, match="404"):
        store.download(model(file="absent.gguf"))


def test_two_at_once_transfer_once(hub: Any, tmp_path: Path, lines: list[str]) -> None:
    hub.bytes_per_second = 6_000_000
    stores = [ModelStore(tmp_path / "models", lines.append, endpoint=hub.endpoint) for _ in range(2)]
    threads = [threading.Thread(target=each.download, args=(model(),)) for each in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(transfers(hub)) == 1
    assert any("another download holds the lock" in line for line in lines)


def test_waiting_ends_with_the_file_or_a_sentence(
    store: ModelStore, tmp_path: Path, lines: list[str]
) -> None:
    with pytest.raises(ModelStoreError, match="did not appear in 0 s"):
        store.wait("tiny.gguf", 0)
    store.download(model())
    assert store.wait("tiny.gguf", 0) == tmp_path / "models" / "tiny.gguf"


@pytest.mark.parametrize("name", ["../x.gguf", "a/b.gguf", ".hidden.gguf", "model.bin", ""])
def test_file_names_stay_in_the_folder(name: str) -> None:
    with pytest.raises(ValueError, match="file"):
        model(file=name)
