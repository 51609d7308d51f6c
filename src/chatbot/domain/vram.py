"""How much of a card a model takes: weights, KV cells and overhead. Pure arithmetic, in MiB and tokens.

The same sum as the Helm chart's check (charts/chatbot/templates/common/_checks.tpl); a test holds them
together. Source: llama.cpp allocates for each layer one K and one V tensor of ``cells`` rows, each row
``kv_heads * head dimension`` numbers of the pool's type (llama-kv-cache.cpp), whatever the sequences are;
with ``swa_full`` sliding layers too hold all cells. Beside a pool of q8_0 a card holds one layer's K and V in
f16: the kernels for more than one or two rows copy each layer there before they read it (fattn-common.cuh).
The overhead is what no header tells: the compute buffer (512 rows of logits over a 128k vocabulary are 250
MiB; with drafts a call has 63 at most), the CUDA context (about 300 MiB) and a margin for the driver.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

MIB = 1 << 20

KvType = Literal["f16", "q8_0"]
"""How the KV pool holds its numbers."""

_BLOCK = 32
"""Numbers of a block of q8_0: 32 bytes and a scale of two."""

_BLOCK_BYTES: dict[KvType, int] = {"f16": 2 * _BLOCK, "q8_0": _BLOCK + 2}
"""Bytes of so many numbers."""

_HEADS_ON_CARDS = {64, 96, 128, 256}
"""Sizes of heads that the cards' flash attention has kernels for (fattn.cu), of those that blocks divide."""

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


def kv_bytes_per_token(facts: ModelFacts, layers_on_card: int, kv_type: KvType = "f16") -> int:
    """Bytes of one KV cell in the last ``layers_on_card`` layers, which are the ones that go to the card."""
    heads = sum(facts.kv_heads[facts.layers - layers_on_card :])
    numbers = heads * (facts.key_dimension + facts.value_dimension)
    return numbers * _BLOCK_BYTES[kv_type] // _BLOCK


def card_bytes_per_token(facts: ModelFacts, layers_on_card: int, kv_type: KvType = "f16") -> int:
    """What a KV cell takes of a card: itself, and of q8_0 the copy of a layer in f16."""
    cell = kv_bytes_per_token(facts, layers_on_card, kv_type)
    if kv_type == "f16":
        return cell
    heads = max(facts.kv_heads[facts.layers - layers_on_card :], default=0)
    return cell + 2 * heads * (facts.key_dimension + facts.value_dimension)


def kv_type_problem(facts: ModelFacts, kv_type: KvType, *, on_card: bool) -> str:
    """Why the model's pool cannot be of this type, as a sentence; "" when it can.

    A pool of q8_0 needs flash attention, and heads that its blocks divide (llama_init_from_model).
    """
    if kv_type == "f16":
        return ""
    sizes = {facts.key_dimension, facts.value_dimension}
    if any(size % _BLOCK for size in sizes):
        need = f"heads of a multiple of {_BLOCK} numbers"
    elif facts.architecture == "grok" or (on_card and (len(sizes) > 1 or not sizes & _HEADS_ON_CARDS)):
        need = "flash attention, which llama.cpp does not have here"
    else:
        return ""
    heads = " and ".join(map(str, sorted(sizes)))
    return f"KV_TYPE={kv_type} needs {need}: {facts.name} is a {facts.architecture} with heads of {heads}"


def plan(
    facts: ModelFacts,
    *,
    pool_tokens: int,
    card_mib: int,
    gpu_layers: int = -1,
    overhead_mib: int = OVERHEAD_MIB,
    kv_type: KvType = "f16",
) -> VramPlan:
    """The plan of one model on one card; ``gpu_layers`` -1 is all of them."""
    on_card = facts.layers if gpu_layers < 0 else min(gpu_layers, facts.layers)
    weights = facts.file_mib * on_card // facts.layers
    token = card_bytes_per_token(facts, on_card, kv_type)
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
    kv_type: KvType = "f16"


@dataclass(frozen=True, slots=True)
class Choice:
    """Layers for the card, -1 for all, the pool in tokens, and what both take."""

    gpu_layers: int
    pool_tokens: int
    plan: VramPlan


def wish_of(
    gpu_layers: int | Literal["auto"], pool_tokens: int, context_tokens: int, parallel: int, kv_type: KvType
) -> Wish:
    """The settings of an engine as a wish."""
    return Wish(
        gpu_layers=None if gpu_layers == "auto" else gpu_layers,
        pool_tokens=pool_tokens,
        least=context_tokens,
        most=parallel * context_tokens,
        kv_type=kv_type,
    )


def choose(facts: ModelFacts, wish: Wish, *, card_mib: int, overhead_mib: int = OVERHEAD_MIB) -> Choice:
    """The most layers that fit, then the largest pool beside them.

    What is set is never changed, so the choice may not fit: see its plan. Layers that are left open always
    do, since 0 layers need no card.
    """
    planned = partial(plan, facts, card_mib=card_mib, overhead_mib=overhead_mib, kv_type=wish.kv_type)
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
