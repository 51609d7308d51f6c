"""The pre-selection is exact: same seed, same tokens as llama.cpp's chain over the whole vocabulary."""

import ctypes
from typing import Any

import llama_cpp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.domain.errors import ModelFailed
from chatbot.domain.messages import Sampling
from chatbot.llm.llama.context import Logits
from chatbot.llm.llama.sampler import _RECORD, Sampler, _chain, best_tokens


def plain(chain: object, row: Logits) -> int:
    """llama_sampler_sample's work on a row of our own: all tokens through the chain."""
    records = np.zeros(len(row), dtype=_RECORD)
    records["id"] = np.arange(len(row))
    records["logit"] = row
    array: Any = llama_cpp.llama_token_data_array()
    array.data = records.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
    array.size = len(records)
    array.selected = -1
    array.sorted = False
    llama_cpp.llama_sampler_apply(chain, ctypes.byref(array))
    token = int(array.data[array.selected].id)
    llama_cpp.llama_sampler_accept(chain, token)
    return token


@pytest.mark.parametrize("vocabulary", [512, 5000, 128_256])
@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(seed=1),
        Sampling(seed=2, temperature=1.5, top_k=100, top_p=0.99, repeat_penalty=1.8),
        Sampling(seed=3, temperature=0.1, top_k=1),
        Sampling(seed=4, top_k=0),
        Sampling(temperature=0.0),
        Sampling(temperature=0.0, repeat_penalty=1.0),
    ],
    ids=["defaults", "hot", "one", "whole", "greedy", "argmax"],
)
def test_same_seed_same_tokens(vocabulary: int, sampling: Sampling) -> None:
    random = np.random.default_rng(vocabulary)
    sampler = Sampler(sampling, vocabulary)
    chain = _chain(sampling, vocabulary, greedy=sampling.temperature <= 0)
    prompt = [int(token) for token in random.integers(0, vocabulary, 64)]
    sampler.accept(prompt)
    for token in prompt:
        llama_cpp.llama_sampler_accept(chain, token)
    # A row with memory, so that the penalised tokens are among the best ones, as in a real answer.
    base = random.standard_normal(vocabulary).astype(np.float32) * 3
    for _ in range(60 if vocabulary < 100_000 else 15):
        row = base + random.standard_normal(vocabulary).astype(np.float32)
        assert sampler.sample(row.copy()) == plain(chain, row)
    sampler.close()
    llama_cpp.llama_sampler_free(chain)


@settings(deadline=None)
@given(
    size=st.sampled_from([100, 4096, 8192, 10_000, 20_000]),
    count=st.integers(1, 150),
    levels=st.integers(2, 1_000_000),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_best_are_all_there_even_with_ties(size: int, count: int, levels: int, seed: int) -> None:
    row = np.random.default_rng(seed).integers(0, levels, size).astype(np.float32)
    best = best_tokens(row, count)
    assert len(set(best.tolist())) == len(best) >= min(count, size)
    expected = np.sort(row)[::-1][: min(count, size)]
    assert np.array_equal(np.sort(row[best])[::-1][: len(expected)], expected)


def test_a_sampler_without_seed_differs_from_another() -> None:
    row = np.zeros(512, dtype=np.float32)
    one, other = Sampler(Sampling(top_k=0), 512), Sampler(Sampling(top_k=0), 512)
    assert [one.sample(row) for _ in range(8)] != [other.sample(row) for _ in range(8)]


@pytest.mark.parametrize("vocabulary", [512, 10_000])
@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling(top_k=0), Sampling(temperature=0, repeat_penalty=1)], ids=repr
)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_row_without_numbers_is_refused(vocabulary: int, sampling: Sampling, number: float) -> None:
    sampler = Sampler(sampling, vocabulary)
    with pytest.raises(ModelFailed, match="no numbers"):
        sampler.sample(np.full(vocabulary, number, dtype=np.float32))
    assert sampler.sample(np.arange(vocabulary, dtype=np.float32)) in range(vocabulary)
    sampler.close()
