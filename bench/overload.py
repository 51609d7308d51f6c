"""Ten times more questions than can be answered: what is kept, what is refused, and how truly.

usage: python -m bench.overload [--factor 10] [--seconds 120] [--peak-seconds 45] [--tokens 96] [--limit 60]

Starts ``chatbot up`` with short answers and a short time limit (the product's is 180 s; the policy scales
with it). First a closed loop of 32 users finds the most tokens a second, then strangers arrive at random,
``factor`` times as fast as that serves them. Of those who are refused, six in ten wait exactly Retry-After,
two come early, one late and one never; whoever comes back does so once. When the last has left, a newcomer
asks, who must be let in at once. Ends with 1 and a sentence for each hard promise that was broken: a 5xx or a
broken answer, a newcomer who was not answered, memory that rose. What hangs on the machine, such as goodput
and the time of a refusal, is printed beside its target and not judged.

The clients run on the same machine. With ``--threads`` below its cores the engine keeps a core that they do
not take, as it keeps its card; without, it slows down as they come.
"""

import argparse
import asyncio
import random
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop
from bench.suite import (
    Answer,
    ask,
    at_random,
    client_of,
    closed_loop,
    counting,
    goodput,
    machine,
    median,
    prediction_errors,
    quantile,
    started,
)
from tests.system.running_suite import RunningSuite

from chatbot.domain.errors import LONGEST_RETRY

MOST_RISEN_MIB = 64.0
"""What memory, less the host cache, may rise by under overload: the buffers of as many connections as it
brings at once. A crowd that were kept would be more."""

_FILLING = 10.0
"""Seconds at the beginning of a phase that no goodput is taken of."""


def patience(source: random.Random) -> float | None:
    """How long somebody who was refused waits, as a share of Retry-After; None: he never comes back."""
    drawn = source.random()
    if drawn < 0.6:
        return 1.0
    if drawn < 0.8:
        return source.uniform(0.2, 0.9)
    return source.uniform(1.1, 2.0) if drawn < 0.9 else None


async def peak(address: str, seconds: float) -> tuple[float, float]:
    """The most tokens a second, and answers a second, of a closed loop."""
    async with client_of(address) as client:
        begun = time.perf_counter()
        answers = await closed_loop(client, _FILLING + seconds)
    rate = goodput(answers, begun + _FILLING, begun + _FILLING + seconds)
    return rate, rate / (sum(answer.tokens for answer in answers) / sum(a.complete for a in answers))


async def strangers(
    address: str, rate: float, seconds: float
) -> tuple[list[Answer], dict[bool, list[Answer]], tuple[float, float]]:
    """First answers, answers on coming back by whether that was early, and the window of goodput."""
    returned: dict[bool, list[Answer]] = {False: [], True: []}
    source = random.Random(2)
    async with client_of(address) as client:
        begun = time.perf_counter()
        ended = begun + seconds

        async def come(number: int) -> Answer:
            question, user = counting(100_000 + number), f"stranger-{number}"
            answer = await ask(client, question, user)
            if answer.status == 429 and (share := patience(source)) is not None:
                back = answer.headed + share * answer.retry_after
                if back < ended:
                    await asyncio.sleep(back - time.perf_counter())
                    returned[share < 1].append(await ask(client, question, user))
            return answer

        answers = await at_random(come, rate, seconds, seed=1)
    return answers, returned, (begun + _FILLING, ended)


def memory_mib(suite: RunningSuite) -> float:
    """Resident memory of the suite's process, less the host cache, which is meant to fill."""
    status = Path(f"/proc/{suite.process.pid}/status").read_text()
    cache = suite.metric("chatbot_host_cache_bytes") / 2**20
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024 - cache


@dataclass(frozen=True)
class Hard:
    """What the promises are about that hold on any machine."""

    failed: int
    """Questions that ended with a 5xx or broke off."""
    newcomer: int
    """The status of who asked when all had left."""
    before: float
    """MiB of memory, less the host cache, before the overload."""
    after: float
    """The same after it."""

    def broken(self) -> list[str]:
        """A sentence for each promise that was broken."""
        sentences = []
        if self.failed:
            sentences.append(f"{self.failed} questions ended with a 5xx or broke off")
        if self.newcomer != 200:
            sentences.append(f"the first newcomer got {self.newcomer} although nobody else was there")
        if self.after - self.before > MOST_RISEN_MIB:
            sentences.append(f"memory rose by {self.after - self.before:.0f} MiB, above {MOST_RISEN_MIB:.0f}")
        return sentences


def report(
    suite: RunningSuite,
    most: float,
    every: list[Answer],
    returned: dict[bool, list[Answer]],
    window: tuple[float, float],
    hard: Hard,
) -> None:
    """Print the table."""
    early, patient = returned[True], returned[False]
    refused = [1000 * (a.headed - a.asked) for a in every if a.status == 429]
    kept = goodput(every, *window)
    errors = prediction_errors(every)
    late = sum('"status":504' in answer.error for answer in every)
    print("| what | measured | target |\n|---|---|---|")
    print(f"| asked, of these on coming back | {len(every)}, {len(early) + len(patient)} | |")
    print(f"| answered | {sum(answer.complete for answer in every)} | |")
    print(f"| 5xx or broken (of these 504) | {hard.failed} ({late}) | 0 |")
    print(f"| goodput against peak ({most:.0f} tokens/s) | {100 * kept / most:.0f} % | ≥ 90 % |")
    print(f"| 429, p50 and p99 | {median(refused):.1f} ms, {quantile(refused, 0.99):.1f} ms | ≤ 20 ms |")
    print(
        f"| error of the predicted wait, median and p90 (n = {len(errors)}) "
        f"| {100 * median(errors):.0f} %, {100 * quantile(errors, 0.9):.0f} % | ≤ 20 % |"
    )
    for name, those, goal in (("after Retry-After or later", patient, "≥ 90 %"), ("earlier", early, "")):
        share = 100 * sum(answer.status == 200 for answer in those) / max(1, len(those))
        print(f"| admitted {name} (n = {len(those)}) | {share:.0f} % | {goal} |")
    longest = sum(answer.status == 429 and answer.retry_after >= LONGEST_RETRY for answer in every)
    print(
        f"| refused with a promise; without, told {LONGEST_RETRY} s | {len(refused) - longest}; {longest} | |"
    )
    print(f"| the first newcomer afterwards | {hard.newcomer} | 200 |")
    print(
        f"| memory less the host cache, before and after | {hard.before:.0f}, {hard.after:.0f} MiB "
        f"| + {MOST_RISEN_MIB:.0f} MiB at most |"
    )
    print(f"\npreempted {suite.metric('chatbot_preemptions_total'):.0f} times; {machine()}")


async def measure(suite: RunningSuite, options: argparse.Namespace) -> list[str]:
    """Both phases; what they broke."""
    most, served = await peak(suite.office, options.peak_seconds)
    suite.wait_idle(60)
    rate = options.factor * served
    print(f"peak {most:.0f} tokens/s, {served:.2f} answers/s; {rate:.0f} questions/s\n", flush=True)
    before = memory_mib(suite)
    first, returned, window = await strangers(suite.office, rate, options.seconds)
    after = memory_mib(suite)
    async with client_of(suite.office) as client:
        newcomer = await ask(client, counting(1), "newcomer")
    every = first + returned[True] + returned[False]
    hard = Hard(sum(answer.failed for answer in every), newcomer.status, before, after)
    report(suite, most, every, returned, window, hard)
    return hard.broken()


def main(options: argparse.Namespace) -> int:
    """Start the suite, measure, stop it, and return the exit code."""
    with started(
        OFFICE__MAX_TOKENS=options.tokens,
        OFFICE__TEMPERATURE=0,
        OFFICE__THREADS=options.threads,
        DEADLINE_SECONDS=options.limit,
    ) as suite:
        sentences = uvloop.run(measure(suite, options))
    for sentence in sentences:
        print(f"BROKEN: {sentence}")
    return 1 if sentences else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--factor", type=float, default=10.0)
    parser.add_argument("--seconds", type=float, default=120.0, help="of the overload")
    parser.add_argument("--peak-seconds", type=float, default=45.0)
    parser.add_argument("--tokens", type=int, default=96, help="longest answer")
    parser.add_argument("--threads", type=int, default=0, help="of the engine; 0: all cores")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds from a question to its last token")
    sys.exit(main(parser.parse_args()))
