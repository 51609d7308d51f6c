"""What a step costs on this machine by the number of sequences, and what of it is not llama_decode.

usage: python -m bench.step_times --model FILE.gguf [--gpu-layers -1] [--held 256] [--steps 20]

Prints the prefill rate, a row for each number of sequences, and the line (base + each * n) that the
simulator needs for this machine (chatbot.scheduling.simulate.Machine).
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chatbot.domain.messages import Sampling
from chatbot.llm.llama.cpu import usable_threads, yield_while_waiting

if TYPE_CHECKING:
    from chatbot.llm.llama.model_file import ModelFile
    from chatbot.llm.llama.sampler import Sampler

COUNTS = (1, 2, 4, 6, 8, 12, 16, 20, 24, 32)


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


class Bench:
    """One context whose sequences each hold ``held`` tokens of their own, with room for ``parked`` more."""

    def __init__(self, file: "ModelFile", *, held: int, threads: int, parked: int = 0) -> None:
        from chatbot.llm.llama.context import Context, ContextShape

        pool = (held + 64) * max(COUNTS) + parked
        shape = ContextShape(pool=pool, sequences=max(COUNTS), rows=512, threads=usable_threads(threads))
        self.context = Context(file, shape)
        self._random = np.random.default_rng(1)
        self._tokens = range(min(1000, file.n_vocab))
        self._held = held

    def read(self, sequence: int) -> float:
        """Read a prompt into an empty sequence; seconds for a token."""
        done, seconds = 0, 0.0
        while done < self._held:
            count = min(512, self._held - done)
            seconds += self.call([(sequence, count)])
            done += count
        return seconds / self._held

    def step(self, sequences: int) -> float:
        """One generated row for each; seconds inside llama_decode."""
        return self.call([(sequence, 1) for sequence in range(sequences)])

    def sample(self, samplers: "list[Sampler]") -> float:
        """Choose a token for each row of the last call; seconds."""
        logits = self.context.logits()
        return timed(lambda: [sampler.sample(logits[row]) for row, sampler in enumerate(samplers)])

    def call(self, rows: list[tuple[int, int]]) -> float:
        """One llama_decode of so many random tokens of each sequence; its seconds."""
        context = self.context
        context.batch.clear()
        for sequence, count in rows:
            tokens = self._random.choice(self._tokens, count).tolist()
            context.batch.add(sequence, context.memory.length(sequence), tokens, outputs=1)
        seconds = timed(context.decode)
        for sequence, count in rows:
            context.memory.appended(sequence, count)
        return seconds


def main(options: argparse.Namespace) -> None:
    """Measure and print. llama_cpp is imported here, since the threads' patience is set before."""
    if "GOMP_SPINCOUNT" not in os.environ:
        yield_while_waiting()
    from chatbot.llm.llama.model_file import ModelFile
    from chatbot.llm.llama.sampler import SamplerMaker
    from chatbot.llm.llama.vocabulary import Vocabulary

    file = ModelFile(options.model, gpu_layers=options.gpu_layers)
    bench = Bench(file, held=options.held, threads=options.threads)
    bench.read(0)
    bench.context.memory.truncate(0, 0)
    maker = SamplerMaker(Vocabulary(file), context_tokens=options.held)
    prefill = statistics.median(bench.read(sequence) for sequence in range(max(COUNTS)))
    print(f"prefill: {1 / prefill:,.0f} tokens/s; {options.held} tokens held by each sequence\n")
    print("| sequences | llama_decode, ms | sampling, ms | tokens/s | share of llama_decode |")
    print("|---|---|---|---|---|")
    found = []
    for count in COUNTS:
        samplers = [maker.make(Sampling(seed=row, max_tokens=1), range(64)) for row in range(count)]
        bench.step(count)
        pairs = [(bench.step(count), bench.sample(samplers)) for _ in range(options.steps)]
        decode, sampling = (statistics.median(column) for column in zip(*pairs, strict=True))
        found.append(decode)
        whole = decode + sampling
        print(
            f"| {count} | {1000 * decode:.2f} | {1000 * sampling:.2f} | {count / whole:,.0f} "
            f"| {100 * decode / whole:.1f} % |"
        )
        for sampler in samplers:
            sampler.close()
        for sequence in range(count):
            bench.context.memory.truncate(sequence, options.held)
    each, base = np.polyfit(COUNTS, found, 1)
    print(f"\nMachine(prefill={prefill:.6f}, base={base:.5f}, each={each:.5f})")
    bench.context.close()
    file.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--gpu-layers", type=int, default=0, help="-1: all layers on the card")
    parser.add_argument("--held", type=int, default=256, help="tokens in each sequence's part of the pool")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=0)
    main(parser.parse_args())
