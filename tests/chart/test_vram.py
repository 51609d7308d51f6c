"""Chart, `chatbot doctor` and llama.cpp itself agree on what a model takes of a card."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.chart.rendering import environment, manifests, pod_specs, refusal
from tests.support.gguf_factory import Plan, write_model

from chatbot.adapters.gguf_facts import NotAModel, read_facts
from chatbot.domain.vram import MIB, KvType, ModelFacts, card_bytes_per_token, kv_bytes_per_token, plan
from chatbot.server.commands.doctor import describe

POOL = 16384
KV_TYPES = pytest.mark.parametrize("kv_type", ["f16", "q8_0"])
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
options.type_k = options.type_v = getattr(llama_cpp, f"GGML_TYPE_{sys.argv[3].upper()}")
context = llama_cpp.llama_init_from_model(model, options)
llama_cpp.llama_free(context)
"""


@pytest.fixture(scope="module", params=[0, 512], ids=["llama", "gemma with a sliding window"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = Plan(
        embedding=256, layers=4, heads=4, kv_heads=4 if request.param == 0 else 2, window=request.param
    )
    return write_model(tmp_path_factory.mktemp("vram") / "model.gguf", shape)


def in_the_chart(facts: ModelFacts, card: int, overhead: int = 768, kv_type: KvType = "f16") -> str:
    entry: dict[str, Any] = {
        "repository": "a/b",
        "file": "model.gguf",
        "sizeMiB": facts.file_mib,
        "layers": facts.layers,
        "kvHeads": facts.kv_heads[0],
        "headDim": facts.key_dimension,
    }
    office = {
        "model": "made",
        "poolTokens": POOL,
        "kvType": kv_type,
        "contextTokens": 1024,
        "gpu": {"memoryMiB": card},
    }
    values = {
        "models": {"catalogue": {"made": entry}},
        "services": {"office": office, "character": {"enabled": False}},
        "vram": {"overheadMiB": overhead},
    }
    return refusal(values)


@KV_TYPES
def test_chart_and_doctor_say_the_same(model: Path, kv_type: KvType) -> None:
    facts = read_facts(model)
    found = plan(facts, pool_tokens=POOL, card_mib=800, kv_type=kv_type)
    assert not found.fits
    charts = NUMBERS.search(in_the_chart(facts, 800, kv_type=kv_type))
    doctors = NUMBERS.search(describe(facts, found, POOL, kv_type))
    assert charts is not None
    assert doctors is not None
    for ours, theirs in zip(map(int, charts.groups()), map(int, doctors.groups()), strict=True):
        assert ours == pytest.approx(theirs, rel=0.02)


@KV_TYPES
def test_the_largest_pool_is_the_largest(model: Path, kv_type: KvType) -> None:
    facts = read_facts(model)
    planned = partial(plan, facts, card_mib=800, kv_type=kv_type)
    largest = planned(pool_tokens=POOL).largest_pool
    assert f"that fits is {largest}" in in_the_chart(facts, 800, kv_type=kv_type)
    assert planned(pool_tokens=largest).fits
    assert not planned(pool_tokens=largest + 512).fits


@KV_TYPES
def test_llama_cpp_allocates_what_is_planned(model: Path, kv_type: KvType) -> None:
    command = [sys.executable, "-c", ALLOCATE, str(model), str(POOL), kv_type]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=110).stdout
    allocated = sum(float(size) for size in re.findall(r"KV buffer size =\s+([0-9.]+) MiB", said))
    facts = read_facts(model)
    planned = POOL * kv_bytes_per_token(facts, facts.layers, kv_type) / MIB
    assert allocated > 0, said
    assert planned == pytest.approx(allocated, rel=0.02)


def test_a_pool_of_q8_0_of_an_8b_takes_68_kib_a_token_and_4_for_the_copy_of_a_layer() -> None:
    facts = ModelFacts("m", "llama", 4686, (8,) * 32, 128, 128, 8192, 128256)
    assert kv_bytes_per_token(facts, 32, "q8_0") == 68 * 1024
    assert card_bytes_per_token(facts, 32, "q8_0") == 72 * 1024


def test_q8_0_is_refused_where_a_card_has_no_flash_attention() -> None:
    facts = ModelFacts("m", "llama", 400, (8,) * 4, 80, 80, 8192, 128256)
    assert "services.office.kvType is q8_0, which needs flash attention" in in_the_chart(
        facts, 8192, kv_type="q8_0"
    )
    assert in_the_chart(facts, 8192) == ""


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
