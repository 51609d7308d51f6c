"""What the door costs: reserving behind so many who wait, and refusing at a full queue.

usage: python -m bench.door [--waiting 200] [--rounds 200]

Pure arithmetic in this process: 24 sequences run, everybody is another caller, lengths of answers differ.
Each round prepares a door of its own and times one call.
"""

import argparse
import random
import time
from collections.abc import Iterator

from bench.suite import machine, median, quantile

from chatbot.domain.errors import Overloaded
from chatbot.scheduling.admission import Limits
from chatbot.scheduling.door import Door, StartDecision
from chatbot.scheduling.job import Capacity, Job
from chatbot.scheduling.rates import Speeds

_SEQUENCES = 24


def job(number: int, now: float, deadline: float) -> Job:
    """A request of a caller of its own."""
    return Job("office", f"caller-{number}", now, deadline, prompt=150, fresh=50, max_tokens=2048)


def crowded(waiting: int) -> Door:
    """A door with all sequences taken and so many in the line."""
    source = random.Random(1)
    speeds = Speeds(prefill=0.001, base=0.005, each=0.003)
    for _ in range(128):
        speeds.lengths("office").saw(max(1, int(source.gammavariate(2, 20))))
    door = Door(Limits(waiting + _SEQUENCES + 1, 32), Capacity(_SEQUENCES, 16384), speeds)
    for number in range(waiting + _SEQUENCES):
        one = job(number, 0.0, 1000.0)
        door.reserve(one, 0.0)
        door.prompt_known(one, one.prompt, one.fresh, 200)
        door.next(0.0, lambda _: StartDecision.START)
    return door


def admissions(waiting: int, rounds: int) -> Iterator[float]:
    """Milliseconds of one reservation each."""
    for _ in range(rounds):
        door, newcomer = crowded(waiting), job(-1, 0.1, 1000.0)
        begun = time.perf_counter()
        door.reserve(newcomer, 0.1)
        yield 1000 * (time.perf_counter() - begun)


def refusals(waiting: int, rounds: int) -> Iterator[float]:
    """Milliseconds of refusing callers who come one after another, ten milliseconds apart."""
    door = crowded(waiting)
    for number in range(rounds):
        now = 0.1 + 0.01 * number
        newcomer = job(-1 - number, now, now + 1.0)
        begun = time.perf_counter()
        try:
            door.reserve(newcomer, now)
        except Overloaded:
            yield 1000 * (time.perf_counter() - begun)


def main(options: argparse.Namespace) -> None:
    """Print the table."""
    print(f"| call behind {options.waiting} who wait | p50, ms | p99, ms |\n|---|---|---|")
    for name, times in (("admitted", admissions), ("refused", refusals)):
        took = list(times(options.waiting, options.rounds))
        print(f"| {name} | {median(took):.2f} | {quantile(took, 0.99):.2f} |")
    print(f"\n{machine()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--waiting", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=200)
    main(parser.parse_args())
