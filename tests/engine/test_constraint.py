"""What a constraint forbids is never chosen; of the rest the sampler chooses as from nothing else."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.whole_chain import SAMPLINGS, rows_of

from chatbot.domain.messages import Sampling
from chatbot.llm.llama.constraint import (
    CHEAP,
    ConstraintExhausted,
    Mask,
    Together,
    allowed,
    mask_of,
    rule_out,
    ruled_out,
    together,
)
from chatbot.llm.llama.sampler import Sampler


class Only:
    """Allows these tokens, whatever came before."""

    mask_times = CHEAP

    def __init__(self, tokens: Sequence[int], vocabulary: int) -> None:
        self._mask = mask_of(np.array(tokens, dtype=np.intp), vocabulary)
        self.heard: list[int] = []
        self.complete = False

    def mask(self) -> Mask | None:
        return self._mask

    def advance(self, token: int) -> None:
        self.heard.append(token)

    def possible(self, tokens: Sequence[int]) -> int:
        fits = allowed(self._mask, np.array(tokens, dtype=np.intp))
        return len(tokens) if fits.all() else int(fits.argmin())


@settings(max_examples=100)
@given(
    sampling=SAMPLINGS,
    size=st.sampled_from([100, 512, 10_000]),
    forbidden=st.sampled_from([0.01, 0.5, 0.97, 0.9999]),
    best_too=st.booleans(),
)
def test_a_mask_is_the_same_as_logits_that_rule_out(
    sampling: Sampling, size: int, forbidden: float, best_too: bool
) -> None:
    random = np.random.default_rng([size, sampling.seed or 0])
    sampling = replace(sampling, dry_multiplier=0)
    for row, _ in zip(rows_of(random, size, 3), range(4), strict=False):
        out = random.random(size) < forbidden
        if best_too:
            out[np.argsort(row)[-size // 2 :]] = True
        out[random.integers(size)] = False
        constraint = Only(np.flatnonzero(~out).tolist(), size)
        by_mask, by_logits = Sampler(sampling, size, None, constraint), Sampler(sampling, size)
        written = np.where(out, -np.inf, row).astype(np.float32)
        token = by_mask.sample(row)
        assert token == by_logits.sample(written)
        assert constraint.heard == [token]


@pytest.mark.parametrize("size", [1, 31, 32, 33, 100, 128_256])
def test_masks_and_tokens(size: int) -> None:
    tokens = np.unique(np.random.default_rng(size).integers(0, size, size // 3 + 1))
    mask = mask_of(tokens, size)
    assert mask.dtype == np.uint32
    assert np.flatnonzero(~ruled_out(mask, size)).tolist() == tokens.tolist()
    assert np.flatnonzero(allowed(mask, np.arange(size))).tolist() == tokens.tolist()
    row = np.random.default_rng(1).standard_normal(size).astype(np.float32)
    written = np.where(ruled_out(mask, size), np.float32(-np.inf), row)
    rule_out(mask, row)
    assert row.tolist() == written.tolist()


def test_several_constraints_allow_what_all_of_them_allow() -> None:
    one, other = Only([1, 2, 40, 99], 100), Only([2, 3, 40], 100)
    both = together([one, other])
    assert both is not None
    mask = both.mask()
    assert mask is not None
    assert np.flatnonzero(~ruled_out(mask, 100)).tolist() == [2, 40]
    assert both.possible([40, 2, 3, 2]) == 2
    both.advance(40)
    assert one.heard == other.heard == [40]
    ends = [both.complete]
    other.complete = True
    assert [*ends, both.complete] == [False, True]
    assert together([]) is None
    assert together([one]) is one
    assert Together([]).mask() is None


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0, repeat_penalty=1)], ids=repr)
def test_a_constraint_that_allows_nothing_is_exhausted(sampling: Sampling) -> None:
    sampler = Sampler(sampling, 100, None, Only([], 100))
    with pytest.raises(ConstraintExhausted):
        sampler.sample(np.zeros(100, dtype=np.float32))
