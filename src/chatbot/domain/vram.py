"""How much of a card a model takes: weights, KV cells and overhead. Pure arithmetic, in MiB and tokens.

The same sum as the Helm chart's check (charts/chatbot/templates/common/_checks.tpl); a test holds them
together. Source: llama.cpp allocates for each layer one K and one V tensor of ``cells`` rows, each row
``kv_heads * head dimension`` half-precision numbers (llama-kv-cache.cpp), whatever the sequences are; with
``swa_full`` sliding layers too hold all cells. The overhead is what no header tells: the compute buffer
(512 rows of logits over a 128k vocabulary are 250 MiB; with drafts a call has 63 at most), the CUDA context
(about 300 MiB) and a margin for the driver.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

MIB = 1 << 20
HALF = 2
"""Bytes of one f16 number, the KV type of the engine."""

OVERHEAD_MIB = 768
"""Compute buffer, CUDA context and margin; ``vram.overheadMiB`` of the chart."""

CONTEXT_MIB = 300
"""The part of the overhead that a running driver has taken already when it is asked for the free memory."""

CPU_POOL_TOKENS = 16384
"""The pool on a CPU when none is set: there every cell costs each step, so more is not better."""

ROUND_TOKENS = 256
"""llama.cpp pads the number of cells to a multiple of this."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a GGUF header tells; ``kv_heads`` has one number for each layer."""

    name: str
    architecture: str
    file_mib: int
    kv_heads: tuple[int, ...]
    key_dimension: int
    value_dimension: int
    trained_context: int
    vocabulary: int

    @property
    def layers(self) -> int:
        """Number of transformer layers."""
        return len(self.kv_heads)


@dataclass(frozen=True, slots=True)
class VramPlan:
    """Where the memory of a card goes, in MiB; ``largest_pool`` is in tokens, for a card of ``card_mib``."""

    weights_mib: int
    kv_mib: int
    overhead_mib: int
    card_mib: int
    largest_pool: int

    @property
    def needed_mib(self) -> int:
        """The sum."""
        return self.weights_mib + self.kv_mib + self.overhead_mib

    @property
    def fits(self) -> bool:
        """Whether the sum is within the card."""
        return self.needed_mib <= self.card_mib


def kv_bytes_per_token(facts: ModelFacts, layers_on_card: int) -> int:
    """Bytes of one KV cell in the last ``layers_on_card`` layers, which are the ones that go to the card."""
    heads = sum(facts.kv_heads[facts.layers - layers_on_card :])
    return heads * (facts.key_dimension + facts.value_dimension) * HALF


def plan(
    facts: ModelFacts,
    *,
    pool_tokens: int,
    card_mib: int,
    gpu_layers: int = -1,
    overhead_mib: int = OVERHEAD_MIB,
) -> VramPlan:
    """The plan of one model on one card; ``gpu_layers`` -1 is all of them."""
    on_card = facts.layers if gpu_layers < 0 else min(gpu_layers, facts.layers)
    weights = facts.file_mib * on_card // facts.layers
    token = kv_bytes_per_token(facts, on_card)
    left = (card_mib - weights - overhead_mib) * MIB
    largest = left // token // ROUND_TOKENS * ROUND_TOKENS if left > 0 and token else 0
    return VramPlan(
        weights_mib=weights,
        kv_mib=-(-pool_tokens * token // MIB),
        overhead_mib=overhead_mib,
        card_mib=card_mib,
        largest_pool=largest,
    )


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator set of layers and pool, and the bounds for what is left open.

    ``gpu_layers`` None is as many as fit, -1 all; ``pool_tokens`` 0 is as many as fit, from ``least`` (one
    conversation) to ``most`` (one for everybody who may generate).
    """

    gpu_layers: int | None
    pool_tokens: int
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Layers for the card, -1 for all, the pool in tokens, and what both take."""

    gpu_layers: int
    pool_tokens: int
    plan: VramPlan


def wish_of(gpu_layers: int | Literal["auto"], pool_tokens: int, context_tokens: int, parallel: int) -> Wish:
    """The settings of an engine as a wish."""
    return Wish(
        gpu_layers=None if gpu_layers == "auto" else gpu_layers,
        pool_tokens=pool_tokens,
        least=context_tokens,
        most=parallel * context_tokens,
    )


def choose(facts: ModelFacts, wish: Wish, *, card_mib: int, overhead_mib: int = OVERHEAD_MIB) -> Choice:
    """The most layers that fit, then the largest pool beside them.

    What is set is never changed, so the choice may not fit: see its plan. Layers that are left open always
    do, since 0 layers need no card.
    """
    planned = partial(plan, facts, card_mib=card_mib, overhead_mib=overhead_mib)
    candidates = range(facts.layers, 0, -1) if wish.gpu_layers is None else (wish.gpu_layers,)
    for layers in candidates:
        found = planned(pool_tokens=wish.pool_tokens or wish.least, gpu_layers=layers)
        if found.fits or wish.gpu_layers is not None:
            pool = wish.pool_tokens or max(wish.least, min(found.largest_pool, wish.most))
            whole = layers == facts.layers
            return Choice(-1 if whole else layers, pool, planned(pool_tokens=pool, gpu_layers=layers))
    pool = pool_on_cpu(wish.pool_tokens, wish.least)
    return Choice(0, pool, VramPlan(0, 0, 0, card_mib, 0))


def pool_on_cpu(pool_tokens: int, context_tokens: int) -> int:
    """The size of the pool without a card, in tokens: what is set, or the default for CPUs."""
    return pool_tokens or max(CPU_POOL_TOKENS, context_tokens)
