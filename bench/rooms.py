"""A room of ten turns: how long the first token of a late turn takes against that of the first.

usage: python -m bench.rooms [--rooms 5] [--turns 10] [--tokens 48] [--cut-context 1024]

Starts ``chatbot up`` twice: with the usual context, where ten turns fit and the room's prefix stays parked,
and with a small one, where old turns are cut in blocks; the turn of a cut reads its remainder anew and is
told apart by the cached tokens of its usage. One room speaks at a time, so nothing but the prompt delays it.
"""

import argparse
import asyncio
from itertools import pairwise
from uuid import uuid4

import httpx
from bench.suite import Answer, ask, client_of, machine, median, started

_TOPICS = ("회의", "보고서", "휴가", "출장", "급여", "교육", "평가", "예산", "계약", "인사")


async def room(client: httpx.AsyncClient, number: int, turns: int) -> list[Answer]:
    """One room's answers, turn by turn."""
    db_id, user = str(uuid4()), f"room-{number}"
    answers: list[Answer] = []
    for turn in range(turns):
        question = f"{number}번 방입니다. {_TOPICS[turn % len(_TOPICS)]}에 관해 {turn + 1}번째로 묻습니다."
        answers.append(await ask(client, question, user, db_id))
        if not answers[-1].complete:
            raise RuntimeError(f"turn {turn + 1} was not answered: {answers[-1]}")
    return answers


async def rooms(address: str, number: int, turns: int) -> list[list[Answer]]:
    """All rooms, one after another, after one that is not counted."""
    async with client_of(address) as client:
        await room(client, 0, 2)
        return [await room(client, each + 1, turns) for each in range(number)]


def wait(answer: Answer) -> float:
    """Milliseconds to the first token."""
    return 1000 * (answer.first - answer.asked)


def fresh(answer: Answer) -> int:
    """Prompt tokens that had to be computed."""
    return answer.usage["prompt_tokens"] - answer.usage["cached_tokens"]


def table(found: list[list[Answer]]) -> None:
    """One line a turn, medians over rooms."""
    print("| turn | first token, ms | prompt tokens | computed |\n|---|---|---|---|")
    for turn, answers in enumerate(zip(*found, strict=True)):
        print(
            f"| {turn + 1} | {median(map(wait, answers)):.0f} "
            f"| {median(a.usage['prompt_tokens'] for a in answers):.0f} | {median(map(fresh, answers)):.0f} |"
        )


def main(options: argparse.Namespace) -> None:
    """Both contexts, both tables."""
    with started(OFFICE__MAX_TOKENS=options.tokens) as suite:
        found = asyncio.run(rooms(suite.office, options.rooms, options.turns))
    table(found)
    ratios = [wait(turns[-1]) / wait(turns[0]) for turns in found]
    print(f"\nturn {options.turns} by turn 1: median {median(ratios):.2f}, ", end="")
    print(f"{min(ratios):.2f}-{max(ratios):.2f} over {len(ratios)} rooms (target ≤ 1.5)\n", flush=True)
    # Both services share one engine, whose context is the larger of theirs.
    small = dict.fromkeys(("OFFICE__CONTEXT_TOKENS", "CHARACTER__CONTEXT_TOKENS"), options.cut_context)
    with started(OFFICE__MAX_TOKENS=options.tokens, **small) as suite:
        found = asyncio.run(rooms(suite.office, options.rooms, 2 * options.turns))
    cut: list[float] = []
    kept: list[float] = []
    for turns in found:
        for before, after in pairwise(turns[1:]):
            # Without a cut a prompt only grows.
            shrunk = after.usage["prompt_tokens"] < before.usage["prompt_tokens"]
            (cut if shrunk else kept).append(wait(after) / wait(turns[0]))
    print(
        f"context of {options.cut_context} tokens, {2 * options.turns} turns: a turn with a cut takes ",
        end="",
    )
    print(f"{median(cut):.2f} of turn 1 (n = {len(cut)}), others {median(kept):.2f} (n = {len(kept)})")
    print(f"\n{machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rooms", type=int, default=5)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--tokens", type=int, default=48, help="longest answer")
    parser.add_argument("--cut-context", type=int, default=1024, help="context in which turns are cut")
    main(parser.parse_args())
