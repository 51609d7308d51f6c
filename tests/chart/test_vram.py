"""Chart, `chatbot doctor` and llama.cpp itself agree on what a model takes of a card."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.chart.rendering import environment, manifests, pod_specs, refusal
from tests.support.gguf_factory import Plan, write_model

from chatbot.adapters.gguf_facts import NotAModel, read_facts
from chatbot.domain.vram import ModelFacts, plan
from chatbot.server.commands.doctor import describe

POOL = 16384
NUMBERS = re.compile(r"weights (\d+) \+ KV (\d+) .* \+ overhead (\d+) = (\d+) MiB of (\d+) MiB")
ALLOCATE = """
import ctypes, llama_cpp, sys
@llama_cpp.llama_log_callback
def say(level, text, data):
    sys.stdout.write(text.decode())
llama_cpp.llama_log_set(say, ctypes.c_void_p(0))
model = llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), llama_cpp.llama_model_default_params())
options = llama_cpp.llama_context_default_params()
options.n_ctx, options.n_seq_max, options.kv_unified, options.swa_full = int(sys.argv[2]), 4, True, True
context = llama_cpp.llama_init_from_model(model, options)
llama_cpp.llama_free(context)
"""


@pytest.fixture(scope="module", params=[0, 512], ids=["llama", "gemma with a sliding window"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = Plan(
        embedding=256, layers=4, heads=4, kv_heads=4 if request.param == 0 else 2, window=request.param
    )
    return write_model(tmp_path_factory.mktemp("vram") / "model.gguf", shape)


def in_the_chart(facts: ModelFacts, card: int, overhead: int = 768) -> str:
    entry: dict[str, Any] = {
        "repository": "a/b",
        "file": "model.gguf",
        "sizeMiB": facts.file_mib,
        "layers": facts.layers,
        "kvHeads": facts.kv_heads[0],
        "headDim": facts.key_dimension,
    }
    office = {"model": "made", "poolTokens": POOL, "contextTokens": 1024, "gpu": {"memoryMiB": card}}
    values = {
        "models": {"catalogue": {"made": entry}},
        "services": {"office": office, "character": {"enabled": False}},
        "vram": {"overheadMiB": overhead},
    }
    return refusal(values)


def test_chart_and_doctor_say_the_same(model: Path) -> None:
    facts = read_facts(model)
    found = plan(facts, pool_tokens=POOL, card_mib=800)
    assert not found.fits
    charts = NUMBERS.search(in_the_chart(facts, 800))
    doctors = NUMBERS.search(describe(facts, found, POOL))
    assert charts is not None
    assert doctors is not None
    for ours, theirs in zip(map(int, charts.groups()), map(int, doctors.groups()), strict=True):
        assert ours == pytest.approx(theirs, rel=0.02)


def test_the_largest_pool_is_the_largest(model: Path) -> None:
    facts = read_facts(model)
    found = plan(facts, pool_tokens=POOL, card_mib=800)
    assert f"that fits is {found.largest_pool}" in in_the_chart(facts, 800)
    assert plan(facts, pool_tokens=found.largest_pool, card_mib=800).fits
    assert not plan(facts, pool_tokens=found.largest_pool + 512, card_mib=800).fits


def test_llama_cpp_allocates_what_is_planned(model: Path) -> None:
    command = [sys.executable, "-c", ALLOCATE, str(model), str(POOL)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=110).stdout
    allocated = sum(float(size) for size in re.findall(r"KV buffer size =\s+([0-9.]+) MiB", said))
    planned = plan(read_facts(model), pool_tokens=POOL, card_mib=8192).kv_mib
    assert allocated > 0, said
    assert planned == pytest.approx(allocated, rel=0.02)


@pytest.mark.parametrize(("service", "card"), [("office", 7424), ("character", 10880)])
def test_the_specified_cards_hold_their_models_with_room(service: str, card: int) -> None:
    """The defaults need less than the cards have; a card as large as the need is the smallest that works."""
    message = refusal({"services": {service: {"gpu": {"memoryMiB": card}}}})
    needed = NUMBERS.search(message)
    assert needed is not None
    smallest = int(needed[4])
    assert smallest <= {"office": 8192, "character": 12288}[service]
    assert refusal({"services": {service: {"gpu": {"memoryMiB": smallest}}}}) == ""
    assert refusal({"services": {service: {"gpu": {"memoryMiB": smallest - 1}}}}) != ""


def test_a_pool_that_is_found_at_start_needs_room_for_one_conversation() -> None:
    card = {"gpu": {"memoryMiB": 11000}}
    message = refusal({"services": {"character": {"poolTokens": 0, "contextTokens": 32768, **card}}})
    assert "(32768 tokens" in message
    assert "the largest context that fits" in message
    values = {"services": {"character": {"poolTokens": 0, **card}}}
    assert refusal(values) == ""
    found = environment(pod_specs(manifests(values))["Deployment/chat-chatbot-character"])
    assert found["CHATBOT_CHARACTER__POOL_TOKENS"] == "0"


def test_weights_that_do_not_fit_are_said_to_be_the_cause() -> None:
    assert "choose a smaller quantisation" in refusal(
        {"services": {"character": {"gpu": {"memoryMiB": 8192}}}}
    )


def test_part_of_the_layers_takes_part_of_the_memory() -> None:
    facts = ModelFacts("m", "llama", 4000, (8,) * 32, 128, 128, 8192, 128256)
    whole = plan(facts, pool_tokens=POOL, card_mib=8192)
    half = plan(facts, pool_tokens=POOL, card_mib=8192, gpu_layers=16)
    assert (half.weights_mib, half.kv_mib) == (whole.weights_mib // 2, whole.kv_mib // 2)
    assert refusal({"services": {"character": {"gpu": {"memoryMiB": 8192, "layers": 16}}}}) == ""


def test_a_file_that_is_no_model_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"GGUF but not really")
    with pytest.raises(NotAModel, match=r"x\.gguf is not a readable GGUF file"):
        read_facts(tmp_path / "x.gguf")
