"""What admission costs: reserving behind so many who wait, and refusing at a full queue.

usage: python -m bench.admission_cost [--waiting 200] [--rounds 200]

Pure arithmetic in this process: 24 sequences run, everybody is another caller, lengths of answers differ.
Each round prepares a scheduler of its own and times one call.
"""

import argparse
import random
import time
from collections.abc import Iterator

from bench.suite import machine, median, quantile

from chatbot.domain.errors import Overloaded
from chatbot.scheduling.admission import AdmissionController, Limits
from chatbot.scheduling.capacity import Capacity
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.scheduler import Scheduler, StartDecision
from chatbot.scheduling.ticket import Progress, Ticket

_SEQUENCES = 24


def ticket(number: int, deadline: float) -> Ticket:
    """A request of a caller of its own."""
    return Ticket("office", f"caller-{number}", deadline, Progress(prompt=150, fresh=50, max_tokens=2048))


def crowded(waiting: int) -> AdmissionController:
    """All sequences are taken and so many wait."""
    source = random.Random(1)
    speeds = Speeds(prefill=0.001, base=0.005, each=0.003)
    for _ in range(128):
        speeds.lengths("office").saw(max(1, int(source.gammavariate(2, 20))))
    scheduler = Scheduler(Capacity(_SEQUENCES, 16384), speeds)
    admission = AdmissionController(Limits(waiting + _SEQUENCES + 1, 32), scheduler)
    for number in range(waiting + _SEQUENCES):
        one = ticket(number, 1000.0)
        admission.reserve(one, 0.0)
        scheduler.prompt_known(one, one.progress.prompt, one.progress.fresh, 200)
        scheduler.next(lambda _: StartDecision.START)
    return admission


def admissions(waiting: int, rounds: int) -> Iterator[float]:
    """Milliseconds of one reservation each."""
    for _ in range(rounds):
        admission, newcomer = crowded(waiting), ticket(-1, 1000.0)
        begun = time.perf_counter()
        admission.reserve(newcomer, 0.1)
        yield 1000 * (time.perf_counter() - begun)


def refusals(waiting: int, rounds: int) -> Iterator[float]:
    """Milliseconds of refusing callers who come one after another, ten milliseconds apart."""
    admission = crowded(waiting)
    for number in range(rounds):
        now = 0.1 + 0.01 * number
        newcomer = ticket(-1 - number, now + 1.0)
        begun = time.perf_counter()
        try:
            admission.reserve(newcomer, now)
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
