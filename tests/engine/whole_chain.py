"""llama.cpp's whole chain of samplers, with the rows and settings on which the engine's own is held to it."""

import ctypes
from collections.abc import Iterator
from typing import Any

import llama_cpp
import numpy as np
from hypothesis import strategies as st

from chatbot.domain.messages import Sampling
from chatbot.llm.llama.context import Logits
from chatbot.llm.llama.vocabulary import Vocabulary

_RECORD = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class WholeChain:
    """llama-server's samplers (``common_sampler_init``) on all tokens, each as the library makes it.

    What is ruled out is removed before and after top-n-sigma, the only sampler that rules out by -inf.
    """

    def __init__(self, sampling: Sampling, size: int, vocabulary: Vocabulary) -> None:
        made = llama_cpp
        pairs = [made.llama_logit_bias(*pair) for pair in sampling.logit_bias]
        biases = (made.llama_logit_bias * len(pairs))(*pairs)
        breakers = [text.encode() for text in sampling.dry_sequence_breakers]
        seed = sampling.seed or 0
        strength = (sampling.dry_multiplier, sampling.dry_base)
        lengths = (sampling.dry_allowed_length, sampling.dry_penalty_last_n)
        self._parts = [
            made.llama_sampler_init_logit_bias(size, len(biases), biases),
            made.llama_sampler_init_penalties(
                size,
                sampling.repeat_last_n,
                sampling.repeat_penalty,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            ),
            made.llama_sampler_init_dry(
                vocabulary.handle,
                *strength,
                *lengths,
                (ctypes.c_char_p * len(breakers))(*breakers),
                len(breakers),
            ),
            made.llama_sampler_init_top_n_sigma(sampling.top_n_sigma),
            made.llama_sampler_init_top_k(sampling.top_k),
            made.llama_sampler_init_typical(sampling.typical_p, 0),
            made.llama_sampler_init_top_p(sampling.top_p, 0),
            made.llama_sampler_init_min_p(sampling.min_p, 0),
            made.llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 0, seed),
            made.llama_sampler_init_temp_ext(
                sampling.temperature, sampling.dynatemp_range, sampling.dynatemp_exponent
            ),
            made.llama_sampler_init_dist(seed),
        ]

    def accept(self, token: int) -> None:
        for part in self._parts:
            llama_cpp.llama_sampler_accept(part, token)

    def sample(self, row: Logits) -> int:
        """The next token, remembered; and what every part leaves is never empty."""
        ids = np.flatnonzero(row > -np.inf)
        records = np.zeros(len(ids), dtype=_RECORD)
        records["id"], records["logit"] = ids, row[ids]
        array: Any = llama_cpp.llama_token_data_array()
        array.data = records.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
        array.size, array.selected, array.sorted = len(records), -1, False
        for place, part in enumerate(self._parts):
            llama_cpp.llama_sampler_apply(part, ctypes.byref(array))
            if place == 3:
                left = records[: array.size][records["logit"][: array.size] > -np.inf]
                records[: len(left)] = left
                array.size = len(left)
        token = int(array.data[array.selected].id)
        self.accept(token)
        return token

    def close(self) -> None:
        for part in self._parts:
            llama_cpp.llama_sampler_free(part)


def rows_of(random: np.random.Generator, size: int, scale: float) -> Iterator[Logits]:
    """Rows without ties and with a memory: penalised tokens are among the best, as in real answers."""
    base = random.standard_normal(size) * scale
    while True:
        row = base + random.standard_normal(size) * scale / 3
        order = np.argsort(row)
        row[order] += np.arange(size) * 4e-6
        yield row.astype(np.float32)


off_or = st.one_of
SAMPLINGS = st.builds(
    Sampling,
    seed=st.integers(0, 2**32 - 2),
    temperature=st.sampled_from([0.0, 0.3, 0.7, 1.0, 1.7]),
    dynatemp_range=off_or(st.just(0.0), st.floats(0.1, 1.5)),
    dynatemp_exponent=st.floats(0.5, 2),
    top_k=st.sampled_from([0, 0, 1, 3, 40, 300]),
    top_p=off_or(st.just(1.0), st.floats(0.05, 0.999)),
    min_p=off_or(st.just(0.0), st.floats(0.001, 0.5)),
    typical_p=off_or(st.just(1.0), st.floats(0.05, 0.99)),
    top_n_sigma=off_or(st.just(0.0), st.floats(0.5, 4)),
    xtc_probability=off_or(st.just(0.0), st.floats(0.2, 1)),
    xtc_threshold=st.floats(0.01, 0.6),
    repeat_penalty=off_or(st.just(1.0), st.floats(0.7, 2)),
    presence_penalty=off_or(st.just(0.0), st.floats(-2, 2)),
    frequency_penalty=off_or(st.just(0.0), st.floats(-2, 2)),
    repeat_last_n=st.sampled_from([0, 1, 64, 500]),
    dry_multiplier=off_or(st.just(0.0), st.floats(0.5, 50)),
    dry_base=st.floats(1, 3),
    dry_allowed_length=st.integers(0, 4),
    dry_penalty_last_n=st.sampled_from([0, 20, 500]),
    logit_bias=st.lists(
        st.tuples(st.integers(0, 90), st.floats(-100, 100, width=32)),
        max_size=5,
        unique_by=lambda pair: pair[0],
    ).map(tuple),
)
