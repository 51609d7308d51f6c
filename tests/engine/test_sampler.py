"""Same seed, same tokens: what is chosen from a few tokens is what llama.cpp's chain chooses from all."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.engine.whole_chain import SAMPLINGS, WholeChain, rows_of

from chatbot.domain.errors import ModelFailed, UnknownToken
from chatbot.domain.messages import WHOLE_CONTEXT, Sampling
from chatbot.llm.llama.best_tokens import best_tokens
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.sampler import Sampler, SamplerMaker
from chatbot.llm.llama.sampler_chain import DrySamplers
from chatbot.llm.llama.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def vocabulary(models: Path) -> Iterator[Vocabulary]:
    """What DRY looks for its breakers in."""
    file = ModelFile(models / "tiny.gguf")
    yield Vocabulary(file)
    file.close()


def assert_both_choose_the_same(
    sampling: Sampling,
    size: int,
    vocabulary: Vocabulary,
    *,
    steps: int,
    scale: float = 3.0,
    masked: float = 0,
) -> None:
    """Sample side by side and compare; ``masked`` is the part of the tokens that is ruled out in each row."""
    random = np.random.default_rng([size, sampling.seed or 0])
    sampler = Sampler(sampling, size, DrySamplers(vocabulary).make(sampling))
    whole = WholeChain(sampling, size, vocabulary)
    rows = rows_of(random, size, scale)
    # Few different tokens, so that sequences are repeated: likely ones, unlikely ones, and breakers.
    ranked = np.argsort(next(rows))
    some = [*ranked[-4:], *ranked[size // 2 : size // 2 + 2], *vocabulary.content("\n:")]
    prompt = [int(token) for token in random.choice(some, 90)]
    sampler.accept(prompt)
    for token in prompt:
        whole.accept(token)
    for _ in range(steps):
        row = next(rows)
        ruled_out = random.random(size) < masked
        ruled_out[random.integers(size)] = False
        row[ruled_out] = -np.inf
        assert sampler.sample(row.copy()) == whole.sample(row)
    sampler.close()
    whole.close()


@settings(max_examples=150)
@given(
    sampling=SAMPLINGS,
    size=st.sampled_from([100, 100, 512, 10_000]),
    scale=st.floats(0.2, 8),
    masked=st.sampled_from([0.0, 0.0, 0.5, 0.97]),
)
@example(sampling=Sampling(seed=1), size=10_000, scale=3, masked=0)
@example(sampling=Sampling(seed=1, min_p=0.05, top_p=1, top_k=0), size=10_000, scale=0.2, masked=0)
@example(sampling=Sampling(seed=1, frequency_penalty=-1), size=10_000, scale=3, masked=0)
@example(sampling=Sampling(seed=1, top_n_sigma=2, temperature=2), size=10_000, scale=3, masked=0)
@example(sampling=Sampling(seed=1, top_n_sigma=1, typical_p=0.5, top_k=0), size=100, scale=3, masked=0)
def test_same_seed_same_tokens_as_on_all(
    vocabulary: Vocabulary, sampling: Sampling, size: int, scale: float, masked: float
) -> None:
    assert_both_choose_the_same(sampling, size, vocabulary, steps=12, scale=scale, masked=masked)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(temperature=1.5, top_k=100, top_p=0.99, repeat_penalty=1.8),
        Sampling(min_p=0.05, top_p=1, top_k=0, dry_multiplier=0.8, dry_penalty_last_n=500),
        Sampling(temperature=1, top_k=0, top_n_sigma=1.5),
        Sampling(temperature=0),
        Sampling(temperature=0, repeat_penalty=1),
    ],
    ids=["defaults", "hot", "min-p", "sigma", "greedy", "argmax"],
)
def test_same_seed_same_tokens_of_a_large_vocabulary(vocabulary: Vocabulary, sampling: Sampling) -> None:
    assert_both_choose_the_same(replace(sampling, seed=7), 128_256, vocabulary, steps=6)


def test_few_tokens_are_enough_for_the_usual_settings(vocabulary: Vocabulary) -> None:
    for sampling in (
        Sampling(dry_multiplier=0.8, dry_penalty_last_n=99),
        Sampling(top_k=0, top_p=1, min_p=0.05),
    ):
        sampler = Sampler(sampling, 20_000, DrySamplers(vocabulary).make(sampling))
        sampler.accept(range(99))
        for row, _ in zip(rows_of(np.random.default_rng(1), 20_000, 3.0), range(5), strict=False):
            sampler.sample(row)
        assert len(sampler._records) < 2_000


@settings(deadline=None)
@given(
    size=st.sampled_from([100, 4096, 8192, 10_000, 20_000]),
    count=st.integers(1, 150),
    levels=st.integers(2, 1_000_000),
    masked=st.sampled_from([0.0, 0.5, 0.999]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_best_are_all_there_even_with_ties(
    size: int, count: int, levels: int, masked: float, seed: int
) -> None:
    random = np.random.default_rng(seed)
    row = random.integers(0, levels, size).astype(np.float32)
    row[random.random(size) < masked] = -np.inf
    allowed = int(np.count_nonzero(row > -np.inf))
    best = best_tokens(row, count)
    assert best.tolist() == sorted(set(best.tolist()))
    assert len(best) >= min(count, allowed)
    expected = np.sort(row)[::-1][: min(count, allowed)]
    assert np.array_equal(np.sort(row[best])[::-1][: len(expected)], expected)


def test_a_sampler_without_seed_differs_from_another() -> None:
    row = np.zeros(512, dtype=np.float32)
    one, other = Sampler(Sampling(top_k=0), 512), Sampler(Sampling(top_k=0), 512)
    assert [one.sample(row) for _ in range(8)] != [other.sample(row) for _ in range(8)]


@pytest.mark.parametrize("size", [512, 10_000])
@pytest.mark.parametrize(
    "sampling", [Sampling(), Sampling(top_k=0), Sampling(temperature=0, repeat_penalty=1)], ids=repr
)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_row_without_numbers_is_refused(size: int, sampling: Sampling, number: float) -> None:
    sampler = Sampler(sampling, size)
    with pytest.raises(ModelFailed, match="no numbers"):
        sampler.sample(np.full(size, number, dtype=np.float32))
    assert sampler.sample(np.arange(size, dtype=np.float32)) in range(size)
    sampler.close()


@pytest.mark.parametrize("temperature", [1e-45, 1e-40, 1e-30, 1e-5])
def test_a_temperature_near_0_is_greedy(temperature: float) -> None:
    row = np.linspace(-30, 30, 512, dtype=np.float32)
    sampler = Sampler(Sampling(temperature=temperature, top_k=0, repeat_penalty=1, typical_p=0.9), 512)
    assert sampler.sample(row) == 511


def test_a_repetition_beyond_all_numbers_leaves_the_best_that_is_allowed(vocabulary: Vocabulary) -> None:
    sampling = Sampling(dry_multiplier=100, dry_base=10, dry_penalty_last_n=500, repeat_penalty=1)
    sampler = Sampler(sampling, 100, DrySamplers(vocabulary).make(sampling))
    sampler.accept([90] * 400)
    row = np.full(100, -np.inf, dtype=np.float32)
    row[90] = 1
    assert sampler.sample(row) == 90


def test_a_window_of_the_whole_context_is_one(vocabulary: Vocabulary) -> None:
    """llama.cpp takes -1 for 0, which would turn DRY and penalties off without a word."""
    maker = SamplerMaker(vocabulary, context_tokens=300)
    prompt = [90, 91, 92, 93] * 20
    row = np.zeros(vocabulary.size, dtype=np.float32)
    row[90] = 5
    repeats = {"dry_multiplier": 10.0, "temperature": 0.0, "repeat_penalty": 1.0}
    told = [
        maker.make(Sampling(dry_penalty_last_n=tokens, **repeats), prompt).sample(row.copy())  # type: ignore[arg-type]
        for tokens in (0, 300, WHOLE_CONTEXT)
    ]
    assert told[0] == 90 != told[1] == told[2]
    again = Sampling(repeat_last_n=WHOLE_CONTEXT, repeat_penalty=8, temperature=0)
    assert maker.make(again, prompt).sample(row.copy()) == 90
    assert maker.make(replace(again, presence_penalty=2), prompt).sample(row.copy()) != 90
    maker.close()


def test_a_bias_for_a_token_that_is_none_is_refused(vocabulary: Vocabulary) -> None:
    maker = SamplerMaker(vocabulary, context_tokens=300)
    assert maker.make(Sampling(logit_bias=((vocabulary.size - 1, 1.0),)), ())
    with pytest.raises(UnknownToken):
        maker.make(Sampling(logit_bias=((vocabulary.size, 1.0),)), ())


def test_prepared_breakers_are_bounded_and_copies_outlive_them(vocabulary: Vocabulary) -> None:
    dry = DrySamplers(vocabulary)
    samplings = [Sampling(dry_multiplier=1, dry_penalty_last_n=number) for number in range(1, 40)]
    samplers = [Sampler(sampling, vocabulary.size, dry.make(sampling)) for sampling in samplings]
    assert len(dry._prepared) < 20
    dry.close()
    row = np.zeros(vocabulary.size, dtype=np.float32)
    assert all(sampler.sample(row) in range(vocabulary.size) for sampler in samplers)
