"""What choosing a token costs with each sampler on, what telling log probabilities costs, and preparing DRY.

usage: python -m bench.sampling --model FILE.gguf [--rows 100]

Random rows of the model's vocabulary, with a tail as long as a chat model's; medians in microseconds a token.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from chatbot.domain.messages import WHOLE_CONTEXT, Sampling
from chatbot.llm.llama.cpu import yield_while_waiting

_DEFAULT = Sampling(seed=1)
_OPEN = Sampling(seed=1, top_k=0, top_p=1, repeat_penalty=1, temperature=1)

CASES = {
    "defaults of a service": _DEFAULT,
    "greedy, no penalty": replace(_DEFAULT, temperature=0, repeat_penalty=1),
    "and a penalty over 4,096 tokens": replace(_DEFAULT, repeat_last_n=WHOLE_CONTEXT),
    "and DRY over 4,096 tokens": replace(_DEFAULT, dry_multiplier=0.8),
    "and typical, XTC, dynamic temperature": replace(
        _DEFAULT, typical_p=0.9, xtc_probability=0.5, dynatemp_range=0.5
    ),
    "and 300 biases": replace(_DEFAULT, logit_bias=tuple((token, 1.0) for token in range(300))),
    "top-k 0, min-p 0.05": replace(_OPEN, min_p=0.05),
    "top-k 0, min-p 0.05, DRY": replace(_OPEN, min_p=0.05, dry_multiplier=0.8),
    "top-k 1,000": replace(_OPEN, top_k=1000),
    "top-k 1,000, typical, XTC, dynamic temperature": replace(
        _OPEN, top_k=1000, typical_p=0.9, xtc_probability=0.5, dynatemp_range=0.5
    ),
    "all tokens: top-k 0": _OPEN,
    "all tokens: top-k 0, top-p 0.95": replace(_OPEN, top_p=0.95),
    "all tokens: penalty of 0.9": replace(_DEFAULT, repeat_penalty=0.9),
    "all tokens: top-n-sigma 1": replace(_OPEN, top_n_sigma=1),
    "all tokens, sorted: typical 0.9": replace(_OPEN, typical_p=0.9),
    "all tokens, sorted: dynamic temperature": replace(_OPEN, dynatemp_range=0.5),
    "all tokens, sorted: XTC always": replace(_OPEN, xtc_probability=1),
}


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main(model: Path, count: int) -> None:
    """Measure and print. llama_cpp is imported here, since the threads' patience is set before."""
    yield_while_waiting()
    from chatbot.llm.llama.logprobs import logprobs_of
    from chatbot.llm.llama.model_file import ModelFile
    from chatbot.llm.llama.sampler import SamplerMaker
    from chatbot.llm.llama.vocabulary import Vocabulary

    file = ModelFile(model)
    vocabulary = Vocabulary(file)
    random = np.random.default_rng(1)
    rows = [(random.standard_normal(vocabulary.size) * 3).astype(np.float32) for _ in range(8)]
    prompt = random.choice(np.argsort(rows[0])[-500:], 4096).tolist()

    maker = SamplerMaker(vocabulary, context_tokens=4096)
    print(f"| samplers, {vocabulary.size:,} tokens | µs a token |\n|---|---|")
    for name, sampling in CASES.items():
        sampler = maker.make(sampling, prompt)
        times = [seconds(partial(sampler.sample, rows[number % 8].copy())) for number in range(count)]
        print(f"| {name} | {1e6 * statistics.median(times):,.0f} |")
    for alternatives in (0, 20):
        times = [
            seconds(partial(logprobs_of, rows[number % 8].copy(), 9, alternatives, vocabulary))
            for number in range(count)
        ]
        print(f"| log probabilities, {alternatives} alternatives | {1e6 * statistics.median(times):,.0f} |")

    dry = replace(_DEFAULT, dry_multiplier=0.8)
    print("\n| DRY, once for each sampler | ms |\n|---|---|")
    print(f"| prepared and shown 4,096 tokens | {1e3 * seconds(partial(maker.make, dry, prompt)):.1f} |")
    most = replace(dry, dry_sequence_breakers=tuple("()-.,/_="))
    for name, sampling in {
        "the four breakers": replace(dry, dry_base=1.7),
        "the most that may be": most,
    }.items():
        make = partial(maker.make, sampling, ())
        print(f"| preparing {name} | {1e3 * seconds(make):.1f} |")
        print(f"| … and copying them | {1e3 * seconds(make):.2f} |")
    maker.close()
    file.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=100, help="tokens to choose in each case")
    options = parser.parse_args()
    main(options.model, options.rows)
