"""The next token of one answer: llama.cpp's own chain on the candidates that can matter.

The chain costs a pass over the whole vocabulary in 12-byte records for every token of every user. Penalties
can push at most ``WINDOW`` tokens down, so the ``top_k`` best after penalties are among the
``top_k + WINDOW`` best before; numpy finds those, and the chain then computes exactly what it would have
computed on all.
"""

import ctypes
import secrets
from collections import deque
from collections.abc import Iterable
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from chatbot.domain.messages import Sampling
from chatbot.llm.llama.context import Logits

WINDOW = 64
"""Tokens that the repeat penalty looks back on (llama.cpp's default)."""

_COLUMNS = 2048
"""Width into which a row is folded for the search; its columns' maxima cost one streaming pass."""

_RECORD = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Sampler:
    """A sampler chain with its random state and penalty window; owned by one request for its whole life."""

    def __init__(self, sampling: Sampling, vocabulary: int) -> None:
        self._greedy = sampling.temperature <= 0
        self._penalty = sampling.repeat_penalty
        self._top_k = 1 if self._greedy else sampling.top_k
        self._recent: deque[int] = deque(maxlen=WINDOW)
        self._chain = _chain(sampling, vocabulary, greedy=self._greedy)
        self._array: Any = llama_cpp.llama_token_data_array()
        self._array_at = ctypes.byref(self._array)

    def accept(self, tokens: Iterable[int]) -> None:
        """Let the prompt's tokens enter the penalty window."""
        for token in tokens:
            self._recent.append(token)
            llama_cpp.llama_sampler_accept(self._chain, token)

    def sample(self, row: Logits) -> int:
        """Choose the next token from a row of logits and remember it."""
        if self._greedy and self._penalty == 1:
            token = int(row.argmax())
        else:
            token = self._apply(row, self._candidates(row))
        self.accept((token,))
        return token

    def close(self) -> None:
        """Free the chain."""
        if self._chain:
            llama_cpp.llama_sampler_free(self._chain)
            self._chain = None

    def _candidates(self, row: Logits) -> npt.NDArray[np.int32]:
        if self._top_k <= 0:
            return np.arange(len(row), dtype=np.int32)
        best = best_tokens(row, self._top_k + WINDOW)
        penalised = set(self._recent).difference(best.tolist())
        return np.concatenate([best, np.fromiter(penalised, dtype=np.int32)])

    def _apply(self, row: Logits, candidates: npt.NDArray[np.int32]) -> int:
        records = np.empty(len(candidates), dtype=_RECORD)
        records["id"] = candidates
        records["logit"] = row[candidates]
        records["p"] = 0
        self._array.data = records.ctypes.data_as(ctypes.POINTER(llama_cpp.llama_token_data))
        self._array.size = len(records)
        self._array.selected = -1
        self._array.sorted = False
        llama_cpp.llama_sampler_apply(self._chain, self._array_at)
        return int(self._array.data[self._array.selected].id)


def best_tokens(row: Logits, count: int) -> npt.NDArray[np.int32]:
    """Ids of at least the ``count`` largest logits (more on ties and near them), in no order.

    The row is folded to columns. The ``count`` best columns by maximum hold the ``count`` best tokens, and
    the worst of those maxima bounds them from below; so everything at or above that bound is taken.
    """
    folded = len(row) // _COLUMNS
    if folded < 2 or count >= _COLUMNS:
        if count >= len(row):
            return np.arange(len(row), dtype=np.int32)
        return np.argpartition(row, len(row) - count)[-count:].astype(np.int32)
    grid = row[: folded * _COLUMNS].reshape(folded, _COLUMNS)
    maxima = grid.max(axis=0)
    bound = np.partition(maxima, _COLUMNS - count)[_COLUMNS - count]
    columns = np.flatnonzero(maxima >= bound)
    # take and one flat search cost half of fancy indexing and a search in two dimensions.
    hits = np.flatnonzero(grid.take(columns, axis=1) >= bound)
    lines, places = np.divmod(hits, len(columns))
    tail = np.flatnonzero(row[folded * _COLUMNS :] >= bound) + folded * _COLUMNS
    return np.concatenate([lines * _COLUMNS + columns[places], tail]).astype(np.int32)


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
