"""Is Retry-After true: who waits exactly that long is let in, who waits half of it mostly is not.

usage: python -m bench.retry_after [--loads 2.0 2.7 3.5] [--tokens 16 48] [--seconds 40] [--limit 20]

Starts ``chatbot up`` for each length of answers, with a short time limit (the product's is 180 s; the policy
scales with it). A closed loop finds what the machine serves; then strangers arrive at random, so many times
as fast. Whoever is refused comes back once: every second one after exactly Retry-After, the others after
half of it; those are counted who came back before the last stranger. Whoever is told the longest wait has no
promise and is counted apart.
"""

import argparse
import asyncio
import time

import httpx
from bench.suite import Answer, ask, at_random, client_of, closed_loop, counting, machine, median, started
from tests.system.running_suite import RunningSuite

from chatbot.domain.errors import LONGEST_RETRY


async def served(address: str, seconds: float) -> float:
    """Answers a second in a closed loop of 32."""
    async with client_of(address) as client:
        answers = [answer for answer in await closed_loop(client, seconds) if answer.complete]
    return len(answers) / (max(answer.end for answer in answers) - min(answer.asked for answer in answers))


async def returns(
    client: httpx.AsyncClient, rate: float, seconds: float, base: int
) -> tuple[dict[float, list[Answer]], list[Answer]]:
    """Second answers by the share of Retry-After that was waited, and all first answers."""
    second: dict[float, list[Answer]] = {1.0: [], 0.5: []}
    ended = time.perf_counter() + seconds
    refusals = 0

    async def come(number: int) -> Answer:
        nonlocal refusals
        question, user = counting(base + number), f"stranger-{base + number}"
        first = await ask(client, question, user)
        if first.status == 429:
            refusals += 1
            share = 1.0 if refusals % 2 else 0.5
            back = first.headed + share * first.retry_after
            if back < ended:
                await asyncio.sleep(back - time.perf_counter())
                second[share].append(await ask(client, question, user))
        return first

    first_answers = await at_random(come, rate, seconds, seed=base)
    return second, first_answers


def share(answers: list[Answer]) -> str:
    """How many of those who came back were let in."""
    let_in = sum(answer.status == 200 for answer in answers)
    return f"{100 * let_in / len(answers):.0f} % of {len(answers)}" if answers else "-"


async def measure(suite: RunningSuite, tokens: int, options: argparse.Namespace) -> None:
    """All loads at one length of answers."""
    rate = await served(suite.office, options.peak_seconds)
    async with client_of(suite.office) as client:
        for number, load in enumerate(options.loads):
            suite.wait_idle(60)
            second, first = await returns(client, load * rate, options.seconds, 100_000 * (number + 1))
            told = [answer.retry_after for answer in first if answer.status == 429]
            longest = sum(seconds >= LONGEST_RETRY for seconds in told)
            failed = sum(answer.failed for answer in [*first, *second[1.0], *second[0.5]])
            print(
                f"| {load} | {tokens} | {len(first)} | {median(told):.0f} | {share(second[1.0])} "
                f"| {share(second[0.5])} | {longest} | {failed} |",
                flush=True,
            )


def main(options: argparse.Namespace) -> None:
    """Print the table."""
    print(
        "| load | tokens | asked | Retry-After, p50 s | in after all of it | after half | no promise | 5xx |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for tokens in options.tokens:
        with started(
            OFFICE__MAX_TOKENS=tokens, OFFICE__TEMPERATURE=0, DEADLINE_SECONDS=options.limit
        ) as suite:
            asyncio.run(measure(suite, tokens, options))
    print(f"\n{machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--loads", type=float, nargs="+", default=[2.0, 2.7, 3.5])
    parser.add_argument("--tokens", type=int, nargs="+", default=[16, 48], help="longest answers")
    parser.add_argument("--seconds", type=float, default=40.0, help="of each load")
    parser.add_argument("--peak-seconds", type=float, default=10.0)
    parser.add_argument("--limit", type=float, default=20.0, help="seconds from a question to its last token")
    main(parser.parse_args())
