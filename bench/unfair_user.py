"""One user with fifty questions at once beside ten users with one each: what the ten feel of it.

usage: python -m bench.unfair_user [--rounds 5] [--tokens 32] [--greedy 50]

Starts ``chatbot up``. In each round the ten ask at once, first by themselves, then a second after the greedy
one has sent all of his. Rounds differ in their questions; the persona is in the prefix cache from the start.
A ratio is a wait beside the greedy one by a wait without, within a round: shortest by shortest, and so
on, because the ten are alike and who of them is read first is chance.
"""

import argparse
import asyncio

import httpx
from bench.suite import Answer, ask, client_of, counting, machine, median, quantile, started
from tests.system.running_suite import RunningSuite

_MODEST = 10


async def ten(client: httpx.AsyncClient, base: int) -> list[Answer]:
    """Ten users at once."""
    return await asyncio.gather(
        *(ask(client, counting(base + 10 * user), f"modest-{user}") for user in range(_MODEST))
    )


async def beside(client: httpx.AsyncClient, base: int, greedy: int) -> tuple[list[Answer], list[Answer]]:
    """The greedy user's answers and those of the ten who come a second later."""
    crowd = [
        asyncio.create_task(ask(client, counting(base + 500 + 10 * number), "greedy"))
        for number in range(greedy)
    ]
    await asyncio.sleep(1.0)
    modest = await ten(client, base)
    return await asyncio.gather(*crowd), modest


def ratios(alone: list[Answer], crowded: list[Answer]) -> tuple[list[float], list[float]]:
    """Of the first token and of the whole answer, rank by rank."""
    firsts = [sorted(answer.first - answer.asked for answer in side) for side in (alone, crowded)]
    wholes = [sorted(answer.end - answer.asked for answer in side) for side in (alone, crowded)]
    return (
        [beside / before for before, beside in zip(*firsts, strict=True)],
        [beside / before for before, beside in zip(*wholes, strict=True)],
    )


async def measure(suite: RunningSuite, options: argparse.Namespace) -> None:
    """All rounds, and the table."""
    print("| round | alone: first, whole, s | beside, s | ratio of the first: median, max | of the whole |")
    print("|---|---|---|---|---|")
    firsts: list[float] = []
    wholes: list[float] = []
    refused = 0
    async with client_of(suite.office) as client:
        await ten(client, 0)
        for number in range(options.rounds):
            base = 1000 * (number + 1)
            alone = await ten(client, base)
            crowd, crowded = await beside(client, base + 100, options.greedy)
            if not all(answer.complete for answer in alone + crowded):
                raise RuntimeError("one of the ten was not answered")
            refused += sum(answer.status == 429 for answer in crowd)
            first, whole = ratios(alone, crowded)
            firsts += first
            wholes += whole
            shown = [
                f"{median(a.first - a.asked for a in side):.2f}, {median(a.end - a.asked for a in side):.2f}"
                for side in (alone, crowded)
            ]
            print(
                f"| {number + 1} | {shown[0]} | {shown[1]} | {median(first):.2f}, {max(first):.2f} "
                f"| {median(whole):.2f}, {max(whole):.2f} |",
                flush=True,
            )
    for name, values in (("first token", firsts), ("whole answer", wholes)):
        within = 100 * sum(value <= 2 for value in values) / len(values)
        print(
            f"\n{name}: median {median(values):.2f}, p90 {quantile(values, 0.9):.2f}, max {max(values):.2f}; "
            f"{within:.0f} % of {len(values)} waits at most doubled"
        )
    print(f"\nrefused: {refused} of {options.greedy * options.rounds} of the greedy one; {machine()}")


def main(options: argparse.Namespace) -> None:
    """Start the suite, measure, stop it."""
    with started(OFFICE__MAX_TOKENS=options.tokens, OFFICE__TEMPERATURE=0) as suite:
        asyncio.run(measure(suite, options))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=32, help="longest answer")
    parser.add_argument("--greedy", type=int, default=50, help="questions of the greedy user")
    main(parser.parse_args())
