"""llama.cpp's samplers in the order of llama-server, as two chains: what adjusts logits, and what chooses.

llama-server puts them into one (``common_sampler_init`` in ``common/sampling.cpp``). They are parted between
top-n-sigma and top-k, so that what the first part has ruled out can be removed before the second: llama.cpp
passes a token of -inf on, and typical sampling computes 0 times log 0 of it.
"""

import ctypes
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock
from typing import Any

import llama_cpp

from chatbot.domain.messages import Sampling
from chatbot.llm.llama.vocabulary import Vocabulary

COLDEST = 1e-3
"""A temperature below counts as 0: a logit divided by less may be no number any more."""

_SEEDS = 0xFFFFFFFF
"""llama.cpp's seeds are below this one, which means "choose one"."""

_PREPARED = 16
"""DRY samplers that are kept prepared."""

Chain = Any
"""A pointer of the library's."""


def adjusting_chain(sampling: Sampling, vocabulary: int, dry: Chain | None) -> Chain | None:
    """Penalties, DRY (a sampler of DrySamplers, owned by the chain) and top-n-sigma; None if none is on."""
    parts = []
    if _penalises(sampling):
        parts.append(
            llama_cpp.llama_sampler_init_penalties(
                vocabulary,
                sampling.repeat_last_n,
                sampling.repeat_penalty,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            )
        )
    if dry is not None:
        parts.append(dry)
    if sampling.top_n_sigma > 0:
        parts.append(llama_cpp.llama_sampler_init_top_n_sigma(sampling.top_n_sigma))
    return _joined(parts) if parts else None


def choosing_chain(sampling: Sampling) -> Chain:
    """What cuts the candidates down and draws one of them."""
    seed = secrets.randbelow(_SEEDS) if sampling.seed is None else sampling.seed % _SEEDS
    temperature = 0.0 if sampling.temperature < COLDEST else sampling.temperature
    return _joined(
        [
            llama_cpp.llama_sampler_init_top_k(sampling.top_k),
            llama_cpp.llama_sampler_init_typical(sampling.typical_p, 1),
            llama_cpp.llama_sampler_init_top_p(sampling.top_p, 1),
            llama_cpp.llama_sampler_init_min_p(sampling.min_p, 1),
            llama_cpp.llama_sampler_init_xtc(sampling.xtc_probability, sampling.xtc_threshold, 1, seed),
            llama_cpp.llama_sampler_init_temp_ext(
                temperature, sampling.dynatemp_range, sampling.dynatemp_exponent
            ),
            llama_cpp.llama_sampler_init_dist(seed),
        ]
    )


def window(sampling: Sampling) -> int:
    """How many tokens back the adjusting chain looks."""
    return max(
        sampling.repeat_last_n if _penalises(sampling) else 0,
        sampling.dry_penalty_last_n if sampling.dry_multiplier else 0,
    )


def _penalises(sampling: Sampling) -> bool:
    neutral = sampling.repeat_penalty == 1 and not (sampling.frequency_penalty or sampling.presence_penalty)
    return sampling.repeat_last_n > 0 and not neutral


def _joined(parts: Iterable[Chain]) -> Chain:
    params = llama_cpp.llama_sampler_chain_default_params()
    params.no_perf = True
    chain = llama_cpp.llama_sampler_chain_init(params)
    for part in parts:
        llama_cpp.llama_sampler_chain_add(chain, part)
    return chain


class DrySamplers:
    """DRY samplers of one vocabulary; safe to use from several threads.

    A new one looks for each breaker in the text of every token (docs/engine.md says what that takes), so the
    last few are kept, and requests get copies.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocab = vocabulary.handle
        self._lock = Lock()
        self._prepared: OrderedDict[tuple[object, ...], Chain] = OrderedDict()

    def make(self, sampling: Sampling) -> Chain | None:
        """A DRY sampler that has seen no token yet, to be freed by its owner; None if DRY is off."""
        if not (sampling.dry_multiplier and sampling.dry_penalty_last_n):
            return None
        numbers = (
            sampling.dry_multiplier,
            sampling.dry_base,
            sampling.dry_allowed_length,
            sampling.dry_penalty_last_n,
        )
        key = (*numbers, sampling.dry_sequence_breakers)
        with self._lock:
            if key in self._prepared:
                return self._copy(key)
        texts = [text.encode() for text in sampling.dry_sequence_breakers]
        breakers = (ctypes.c_char_p * len(texts))(*texts)
        # Outside the lock, since it takes long; who comes meanwhile with the same prepares it too.
        prepared = llama_cpp.llama_sampler_init_dry(self._vocab, *numbers, breakers, len(texts))
        with self._lock:
            _free(self._prepared.pop(key, None))
            self._prepared[key] = prepared
            if len(self._prepared) > _PREPARED:
                _free(self._prepared.popitem(last=False)[1])
            return self._copy(key)

    def close(self) -> None:
        """Free what is kept; copies live on."""
        with self._lock:
            while self._prepared:
                _free(self._prepared.popitem()[1])

    def _copy(self, key: tuple[object, ...]) -> Chain:
        self._prepared.move_to_end(key)
        return llama_cpp.llama_sampler_clone(self._prepared[key])


def _free(sampler: Chain | None) -> None:
    if sampler is not None:
        llama_cpp.llama_sampler_free(sampler)
