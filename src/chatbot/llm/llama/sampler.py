"""The next token of one answer: llama.cpp's own chain on the candidates that can matter.

The chain costs a pass over the whole vocabulary in 12-byte records for every token of every user. Penalties
(1 or more, see ServiceConfig) push at most ``WINDOW`` tokens down and lift none, so the ``top_k`` best after
them are among the ``top_k + WINDOW`` best before; numpy finds those, and the chain then computes exactly
what it would have computed on all.
"""

import ctypes
import math
import secrets
from collections.abc import Iterable
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from chatbot.domain.errors import ModelFailed
from chatbot.domain.messages import Sampling
from chatbot.llm.llama.context import Logits

WINDOW = 64
"""Tokens that the repeat penalty looks back on (llama.cpp's default)."""

_COLUMNS = 4096
"""Columns of the folded row: with fewer, more is gathered; with more, selecting among them is dear."""

_RECORD = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])

_RECORDS_AT = ctypes.POINTER(llama_cpp.llama_token_data)

TokenIds = npt.NDArray[np.intp]


class Sampler:
    """A sampler chain with its random state and penalty window; owned by one request for its whole life."""

    def __init__(self, sampling: Sampling, vocabulary: int) -> None:
        greedy = sampling.temperature <= 0
        self._plain = greedy and sampling.repeat_penalty == 1
        self._top_k = 1 if greedy else sampling.top_k
        self._chain = _chain(sampling, vocabulary, greedy=greedy)
        self._array: Any = llama_cpp.llama_token_data_array()
        self._array_at = ctypes.byref(self._array)
        self._make_records(0)

    def accept(self, tokens: Iterable[int]) -> None:
        """Let the prompt's tokens enter the penalty window."""
        for token in tokens:
            llama_cpp.llama_sampler_accept(self._chain, token)

    def sample(self, row: Logits) -> int:
        """Choose the next token from a row of logits and remember it.

        Raises:
            ModelFailed: the logits are no numbers, as after an overflow in the model's arithmetic.
        """
        if self._plain:
            token = int(row.argmax())
            _check(row[token])
        else:
            candidates = best_tokens(row, self._top_k + WINDOW if self._top_k else len(row))
            token = self._apply(candidates, row[candidates])
        self.accept((token,))
        return token

    def close(self) -> None:
        """Free the chain."""
        if self._chain:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None

    def _apply(self, candidates: TokenIds, logits: Logits) -> int:
        # The chain aborts the process on an empty list, and what it makes of NaN is no choice.
        _check(logits.max(initial=-math.inf))
        count = len(candidates)
        if count > len(self._records):
            self._make_records(2 * count)
        self._records["id"][:count] = candidates
        self._records["logit"][:count] = logits
        array = self._array
        array.data = self._records_at
        array.size = count
        array.selected = -1
        array.sorted = False
        llama_cpp.llama_sampler_apply(self._chain, self._array_at)
        return int(array.data[array.selected].id)

    def _make_records(self, size: int) -> None:
        self._records = np.zeros(size, dtype=_RECORD)
        self._records_at = ctypes.cast(self._records.ctypes.data, _RECORDS_AT)


def _check(largest: np.float32) -> None:
    if not math.isfinite(largest):
        raise ModelFailed("the model computed no numbers for this request's next token")


def best_tokens(row: Logits, count: int) -> TokenIds:
    """Ids of at least the ``count`` largest logits (more on ties and near them), in no order.

    The row is folded to columns. The ``count`` best columns by maximum hold the ``count`` best tokens, and
    the worst of those maxima bounds them from below; so everything at or above that bound is taken.
    """
    if count >= len(row):
        return np.arange(len(row))
    folded = len(row) // _COLUMNS
    if folded < 2 or count >= _COLUMNS:
        return np.argpartition(row, len(row) - count)[-count:]
    grid = row[: folded * _COLUMNS].reshape(folded, _COLUMNS)
    maxima = grid.max(axis=0)
    bound = np.partition(maxima, _COLUMNS - count)[_COLUMNS - count]
    columns = np.flatnonzero(maxima >= bound)
    # take and one flat search cost half of fancy indexing and a search in two dimensions.
    lines, places = np.divmod(np.flatnonzero(grid.take(columns, axis=1) >= bound), len(columns))
    tail = np.flatnonzero(row[folded * _COLUMNS :] >= bound) + folded * _COLUMNS
    return np.concatenate([lines * _COLUMNS + columns[places], tail])


def _chain(sampling: Sampling, vocabulary: int, *, greedy: bool) -> object:
    params = llama_cpp.llama_sampler_chain_default_params()
    params.no_perf = True
    chain = llama_cpp.llama_sampler_chain_init(params)
    parts = []
    if sampling.repeat_penalty != 1:
        parts.append(
            llama_cpp.llama_sampler_init_penalties(vocabulary, WINDOW, sampling.repeat_penalty, 0.0, 0.0)
        )
    if greedy:
        parts.append(llama_cpp.llama_sampler_init_greedy())
    else:
        seed = secrets.randbelow(0xFFFFFFFF) if sampling.seed is None else sampling.seed % 0xFFFFFFFF
        parts += [
            llama_cpp.llama_sampler_init_top_k(sampling.top_k),
            llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
            llama_cpp.llama_sampler_init_temp(sampling.temperature),
            llama_cpp.llama_sampler_init_dist(seed),
        ]
    for part in parts:
        llama_cpp.llama_sampler_chain_add(chain, part)
    return chain
