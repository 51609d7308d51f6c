"""The next token of one answer: llama.cpp's own chains on the candidates that can matter.

A chain costs a pass over the whole vocabulary in 12-byte records for every token of every user. So numpy
finds the best tokens first (``best_tokens``), and the chains compute on those what they would on all:

- Penalties and DRY only push tokens down. If after them as many candidates as top-k keeps are still above
  everything that was left out, then nothing that was left out can be among the chosen; else more are taken.
- Where min-p alone cuts, the same holds if its cut lies above everything that was left out.
- Where neither cuts first, where tokens may be pushed up, and for top-n-sigma, which is computed from all
  logits, all tokens are taken.
- What a constraint forbids is removed from the candidates. The same holds: where enough is left of them,
  nothing was missed; else the mask is written over the whole row, and they are chosen from what is allowed.
"""

import ctypes
import math
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import llama_cpp
import numpy as np

from chatbot.domain.errors import ModelFailed, UnknownToken
from chatbot.domain.messages import WHOLE_CONTEXT, Sampling
from chatbot.llm.llama.best_tokens import TokenIds, best_tokens
from chatbot.llm.llama.constraint import (
    CHEAP,
    Constraint,
    ConstraintExhausted,
    Mask,
    MaskTimes,
    allowed,
    rule_out,
)
from chatbot.llm.llama.context import Logits
from chatbot.llm.llama.sampler_chain import (
    COLDEST,
    Chain,
    DrySamplers,
    adjusting_chain,
    choosing_chain,
    window,
)
from chatbot.llm.llama.vocabulary import Vocabulary

_SPARE = 64
"""Candidates beyond top-k at the first try: what penalties usually push out of it, and more."""

_FIRST = 256
"""Candidates at the first try where min-p cuts; it rarely leaves as many."""

_MORE = 4
"""Factor by which a further try takes more."""

_MOST = 4096
"""Candidates beyond which all tokens are as fast."""

_SLACK = 0.01
"""Logits by which min-p's cut must be above what was left out: more than float32 rounds."""

_RECORD = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])

_RECORDS_AT = ctypes.POINTER(llama_cpp.llama_token_data)


class Sampler:
    """The chains with their random state and windows; owned by one request for its whole life."""

    def __init__(
        self,
        sampling: Sampling,
        vocabulary: int,
        dry: Chain | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        """``vocabulary`` counts tokens; ``dry`` comes from DrySamplers and is freed with this sampler.

        The windows of ``sampling`` count tokens; SamplerMaker knows what WHOLE_CONTEXT is.
        """
        self._constraint = constraint
        best_alone = _takes_the_best(sampling)
        if best_alone:
            sampling = replace(sampling, top_k=1, top_n_sigma=0.0)
        self._adjusting = adjusting_chain(sampling, vocabulary, dry)
        self._choosing = choosing_chain(sampling)
        self._finalizer = weakref.finalize(self, _free, self._adjusting, self._choosing)
        self._plain = best_alone and self._adjusting is None
        self._biased = np.array([token for token, _ in sampling.logit_bias], dtype=np.intp)
        self._biases = np.array([bias for _, bias in sampling.logit_bias], dtype=np.float32)
        self._top_k = sampling.top_k
        self._cut = math.log(sampling.min_p) - _SLACK if sampling.min_p else -math.inf
        self._first_try = _first_try(sampling) or vocabulary
        self._array: Any = llama_cpp.llama_token_data_array()
        self._array_at = ctypes.byref(self._array)
        self._make_records(0)

    def accept(self, tokens: Iterable[int]) -> None:
        """Let tokens that were not sampled here enter the windows: the prompt's."""
        if self._adjusting is not None:
            for token in tokens:
                llama_cpp.llama_sampler_accept(self._adjusting, token)

    def sample(self, row: Logits) -> int:
        """Choose the next token from a row of logits, which this changes, and remember it.

        A logit of -inf rules its token out.

        Raises:
            ModelFailed: the logits are no numbers, as after an overflow in the model's arithmetic.
            ConstraintExhausted: the constraint allows none of the tokens, or cannot tell.
        """
        if self._biased.size:
            row[self._biased] += self._biases
        mask = self._constraint.mask() if self._constraint else None
        if self._plain or not self._lay_out(row, mask):
            token = _best(row, mask)
        else:
            llama_cpp.llama_sampler_apply(self._choosing, self._array_at)
            token = int(self._array.data[self._array.selected].id)
        self.accept((token,))
        if self._constraint:
            self._constraint.advance(token)
        return token

    @property
    def complete(self) -> bool:
        """Whether a constraint says that the answer is over."""
        return self._constraint is not None and self._constraint.complete

    @property
    def mask_times(self) -> MaskTimes:
        """What the constraint's masks take."""
        return self._constraint.mask_times if self._constraint else CHEAP

    def possible(self, tokens: Sequence[int]) -> int:
        """How many of these tokens the constraint would let follow, one after another."""
        return self._constraint.possible(tokens) if self._constraint else len(tokens)

    def close(self) -> None:
        """Free the chains; harmless when repeated."""
        self._finalizer()

    def _lay_out(self, row: Logits, mask: Mask | None) -> bool:
        """Show the chains those tokens from which they choose as from all; False if penalties leave none."""
        count = self._first_try
        if mask is None or not self._take(row, count, mask):
            if mask is not None:
                _write(mask, row)
            while not self._take(row, count):
                count *= _MORE
        return bool(self._array.size)

    def _take(self, row: Logits, count: int, mask: Mask | None = None) -> bool:
        """Show the chains so many of the best tokens; False if that may have left out one to choose."""
        count = count if count <= _MOST else len(row)
        ids = best_tokens(row, count)
        logits = row[ids]
        _check(logits.max(initial=-math.inf))
        left_out = None if count >= len(row) or len(ids) < count else logits.min()
        if mask is not None:
            fits = allowed(mask, ids)
            ids, logits = ids[fits], logits[fits]
            if not len(ids):
                return False
        adjusted = self._adjust(ids, logits)
        return left_out is None or self._suffice(adjusted, left_out)

    def _suffice(self, adjusted: Logits, left_out: np.float32) -> bool:
        """Whether no token that was left out, none of them above ``left_out``, could be chosen."""
        if self._top_k:
            return int(np.count_nonzero(adjusted >= left_out)) >= self._top_k
        return bool(adjusted.max(initial=-math.inf) + self._cut > left_out)

    def _adjust(self, ids: TokenIds, logits: Logits) -> Logits:
        """Lay the candidates out for the chains, penalise them, and remove those that are ruled out."""
        count = len(ids)
        if count > len(self._records):
            self._make_records(2 * count)
        records = self._records[:count]
        records["id"] = ids
        records["logit"] = logits
        self._show(count)
        if self._adjusting is not None:
            llama_cpp.llama_sampler_apply(self._adjusting, self._array_at)
        if records["logit"].min() == -math.inf:
            # By top-n-sigma, or by DRY after a very long repetition.
            left = records[records["logit"] > -math.inf]
            count = len(left)
            records[:count] = left
            self._show(count)
        return records["logit"][:count]

    def _show(self, count: int) -> None:
        """Let the chains see the first so many records, in no order that they know of."""
        array = self._array
        array.data = self._records_at
        array.size = count
        array.selected = -1
        array.sorted = False

    def _make_records(self, size: int) -> None:
        self._records = np.zeros(size, dtype=_RECORD)
        self._records_at = ctypes.cast(self._records.ctypes.data, _RECORDS_AT)


class SamplerMaker:
    """Makes the samplers of one model; safe to use from several threads."""

    def __init__(self, vocabulary: Vocabulary, context_tokens: int) -> None:
        """``context_tokens`` is the longest conversation."""
        self._vocabulary = vocabulary.size
        self._dry = DrySamplers(vocabulary)
        self._context_tokens = context_tokens

    def make(
        self, sampling: Sampling, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> Sampler:
        """A sampler that has seen the prompt's tokens, as far as it looks back.

        The constraint is this sampler's alone, and is at the beginning of the answer.

        Raises:
            UnknownToken: a bias for a token that the vocabulary does not have.
        """
        if any(token >= self._vocabulary for token, _ in sampling.logit_bias):
            raise UnknownToken(self._vocabulary)
        sampling = replace(
            sampling,
            repeat_last_n=self._window(sampling.repeat_last_n),
            dry_penalty_last_n=self._window(sampling.dry_penalty_last_n),
        )
        sampler = Sampler(sampling, self._vocabulary, self._dry.make(sampling), constraint)
        sampler.accept(prompt[max(0, len(prompt) - window(sampling)) :])
        return sampler

    def close(self) -> None:
        """Free what is kept for further samplers."""
        self._dry.close()

    def _window(self, tokens: int) -> int:
        return self._context_tokens if tokens == WHOLE_CONTEXT else min(tokens, self._context_tokens)


def _takes_the_best(sampling: Sampling) -> bool:
    """Whether the best token after the penalties is chosen, whatever else would cut."""
    xtc = sampling.xtc_probability and sampling.xtc_threshold <= 0.5
    return (
        sampling.temperature < COLDEST and not sampling.dynatemp_range and sampling.typical_p == 1 and not xtc
    )


def _first_try(sampling: Sampling) -> int | None:
    """How many of the best tokens are likely to be enough; None where all are needed."""
    raised = (
        sampling.repeat_penalty < 1 or sampling.presence_penalty < 0 or sampling.frequency_penalty < 0
    ) and sampling.repeat_last_n
    if raised or sampling.top_n_sigma > 0:
        return None
    if sampling.top_k:
        return sampling.top_k + _SPARE
    return _FIRST if sampling.min_p and sampling.top_p == sampling.typical_p == 1 else None


def _best(row: Logits, mask: Mask | None) -> int:
    """The best of the allowed tokens."""
    token = int(row.argmax())
    _check(row[token])
    if mask is not None and not allowed(mask, np.array([token]))[0]:
        _write(mask, row)
        token = int(row.argmax())
    return token


def _write(mask: Mask, row: Logits) -> None:
    """Rule out of the row what the mask forbids."""
    rule_out(mask, row)
    if row.max() == -math.inf:
        raise ConstraintExhausted


def _check(largest: np.float32) -> None:
    if not math.isfinite(largest):
        raise ModelFailed("the model computed no numbers for this request's next token")


def _free(*chains: Chain | None) -> None:
    for chain in chains:
        if chain is not None:
            llama_cpp.llama_sampler_free(chain)
