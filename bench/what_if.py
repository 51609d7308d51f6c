"""What so many users would see on a card: the engine's own policy on step times from elsewhere.

usage: python -m bench.what_if [--minutes 10] [--answer 300] [--prompt 400] [--cached 250]

Each user asks once a minute at a random moment. Step times of the cards are derived from published figures
for single streams and batches (RTX 2080: 72 tokens/s alone, about 450 at 20; RTX 3060 with Q8_0: about 35 and
300; prefill 1,700 tokens/s); they are estimates until measured on the cards.
"""

import argparse
import random
import statistics
from dataclasses import replace

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


def main(options: argparse.Namespace) -> None:
    """Print the table."""
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
    main(parser.parse_args())
