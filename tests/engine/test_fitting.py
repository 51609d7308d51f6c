"""What an engine decides about layers and pool at start; the card is imagined, the model file is real."""

import logging
from pathlib import Path

import pytest
from tests.support.gguf_factory import Plan, write_model

from chatbot.adapters.gguf_facts import read_facts
from chatbot.domain.config import EngineConfig
from chatbot.domain.vram import CPU_POOL_TOKENS
from chatbot.llm.llama import fitting
from chatbot.llm.llama.card import CardMemory, card_memory
from chatbot.llm.llama.model_file import facts_of
from chatbot.server.settings import load_settings
from chatbot.server.wiring import engine_configs
from chatbot.services.registry import SERVICES


@pytest.fixture(scope="module", params=[0, 512], ids=["llama", "gemma with a sliding window"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = Plan(embedding=256, layers=4, heads=4, kv_heads=2, window=request.param)
    return write_model(tmp_path_factory.mktemp("fitting") / "model.gguf", shape)


def config(model: Path, **settings: object) -> EngineConfig:
    usual = {
        "context_tokens": 1024,
        "pool_tokens": 0,
        "host_cache_mib": 0,
        "parallel": 8,
        "gpu_layers": "auto",
    }
    return EngineConfig.model_validate({"model_path": model, "name": "made"} | usual | settings)


def imagine(monkeypatch: pytest.MonkeyPatch, free: int, total: int) -> None:
    monkeypatch.setattr(fitting, "card_memory", lambda _gpu: CardMemory(free, total))


def test_the_library_tells_the_same_facts_as_the_header(model: Path) -> None:
    ours, headers = facts_of(model), read_facts(model)
    assert ours.kv_heads == headers.kv_heads
    assert (ours.key_dimension, ours.value_dimension) == (headers.key_dimension, headers.value_dimension)
    assert (ours.trained_context, ours.vocabulary) == (headers.trained_context, headers.vocabulary)
    assert abs(ours.file_mib - headers.file_mib) <= 1


def test_a_card_with_room_takes_everything(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    imagine(monkeypatch, 7700, 8192)
    with caplog.at_level(logging.INFO, logger="chatbot.llm.llama"):
        found = fitting.fitted(config(model))
    assert (found.gpu_layers, found.pool_tokens) == (-1, 8 * 1024)
    assert "all of 4 layers on card 0, a pool of 8192 tokens" in caplog.text


def test_two_engines_share_a_card(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imagine(monkeypatch, 970, 970)
    alone = fitting.fitted(config(model, parallel=128, context_tokens=8192))
    beside = fitting.fitted(config(model, parallel=128, context_tokens=8192, card_sharers=2))
    assert 8192 <= beside.pool_tokens < alone.pool_tokens / 2


def test_what_is_set_but_will_not_fit_is_a_warning(
    model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    imagine(monkeypatch, 400, 8192)
    found = fitting.fitted(config(model, gpu_layers=-1, pool_tokens=16384))
    assert (found.gpu_layers, found.pool_tokens) == (-1, 16384)
    assert "BUT ONLY 400 MiB free" in caplog.text


def test_without_layers_on_a_card_nothing_is_asked(model: Path) -> None:
    assert fitting.fitted(config(model, gpu_layers=0)).pool_tokens == CPU_POOL_TOKENS
    assert fitting.fitted(config(model, gpu_layers=0, context_tokens=32768)).pool_tokens == 32768


def test_a_pool_of_q8_0_is_larger(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imagine(monkeypatch, 970, 970)
    half, eighth = (
        fitting.fitted(config(model, parallel=128, context_tokens=8192, kv_type=kind)).pool_tokens
        for kind in ("f16", "q8_0")
    )
    assert 1.2 * half < eighth < 2 * half, "four layers and the copy of one"


@pytest.mark.parametrize(
    ("embedding", "gpu_layers", "problem"),
    [
        (64, 0, "needs heads of a multiple of 32 numbers: m is a llama with heads of 16"),
        (128, 0, ""),
        (128, -1, "needs flash attention, which llama.cpp does not have here: m is a llama with heads of 32"),
        (256, -1, ""),
    ],
)
def test_a_pool_of_q8_0_that_cannot_be_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedding: int, gpu_layers: int, problem: str
) -> None:
    imagine(monkeypatch, 7700, 8192)
    file = write_model(tmp_path / "m.gguf", Plan(embedding=embedding, heads=4))
    wanted = config(file, kv_type="q8_0", gpu_layers=gpu_layers)
    if problem:
        with pytest.raises(ValueError, match=problem):
            fitting.fitted(wanted)
    else:
        assert fitting.fitted(wanted).pool_tokens > 0


def test_layers_without_a_card_are_refused(model: Path) -> None:
    if card_memory(0) is not None:
        pytest.skip("this machine has a card")
    with pytest.raises(ValueError, match="finds no card 0"):
        fitting.fitted(config(model))


def test_a_file_that_is_no_model_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imagine(monkeypatch, 7700, 8192)
    (tmp_path / "x.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(ValueError, match="is no GGUF model"):
        fitting.fitted(config(tmp_path / "x.gguf"))


@pytest.mark.parametrize(
    ("files", "cards", "sharers", "pools"),
    [
        (("a.gguf", "a.gguf"), (0, 0), (1, 1), (0, 0)),
        (("a.gguf", "b.gguf"), (0, 0), (2, 2), (0, 8192)),
        (("a.gguf", "b.gguf"), (0, 1), (1, 1), (0, 8192)),
    ],
    ids=["one engine", "two engines on a card", "a card each"],
)
def test_services_know_who_shares_their_card_and_a_pool_left_open_stays_open(
    tmp_path: Path,
    files: tuple[str, str],
    cards: tuple[int, int],
    sharers: tuple[int, int],
    pools: tuple[int, int],
) -> None:
    for name in set(files):
        (tmp_path / name).touch()
    office, character = (
        {"model": str(tmp_path / name), "gpu_layers": "auto", "gpu": card}
        for name, card in zip(files, cards, strict=True)
    )
    settings = load_settings({}, office=office, character={**character, "pool_tokens": 8192})
    found = engine_configs(settings, tuple(SERVICES), lambda _: None)
    assert tuple(found[name].card_sharers for name in SERVICES) == sharers
    assert tuple(found[name].pool_tokens for name in SERVICES) == pools
