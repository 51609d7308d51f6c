"""The simulator against this machine: times fitted to one run, another run predicted.

usage: python -m bench.calibrate [--loads 0.7 1.3] [--seconds 40] [--tokens 96]

Fitted: steps of 1 to 24 users who ask at once and whose prompts are in the cache, reading a long new
question (seconds for a prompt token), what an answer costs around the engine, and by how much a crowd of
arrivals slows all that down (clients and service share the cores with the engine). Predicted: arrivals at
random at other loads, questions of other lengths, answers that the model ends itself; the simulator gets each
arrival's moment and its true sizes, nothing of its times. Errors are relative to the real seconds from asking
to the first token and to the last.
"""

import argparse
import asyncio
import random
from dataclasses import dataclass, replace

import httpx
from bench.suite import Answer, ask, at_random, client_of, counting, line, machine, median, quantile, started
from bench.workloads import TOPICS
from tests.system.running_suite import RunningSuite

from chatbot.scheduling.simulate import Arrival, Machine, SimulatedRequest, Simulator
from chatbot.scheduling.slices import UNTILED_ROWS

_TOGETHER = (1, 2, 4, 8, 12, 16, 20, 24)
_REPEATS = 3


@dataclass(frozen=True)
class Fitted:
    """What the first run told: the machine, and seconds that an answer spends outside the engine."""

    machine: Machine
    around: float


async def _together(client: httpx.AsyncClient, users: int, base: int) -> list[Answer]:
    return await asyncio.gather(
        *(ask(client, counting(base + 10 * n), f"fit-{base}-{n}") for n in range(users))
    )


async def fit(client: httpx.AsyncClient) -> Fitted:
    """Measure steps, reading and the rest."""
    steps: list[tuple[int, float]] = []
    for users in _TOGETHER:
        await _together(client, users, 1000 * users)
        found = []
        for _ in range(_REPEATS):
            answers = await _together(client, users, 1000 * users)
            found.append(median((answer.end - answer.first) / (answer.tokens - 1) for answer in answers))
        steps.append((users, median(found)))
    base, each = line([(float(users), seconds) for users, seconds in steps])
    reading: list[tuple[float, float]] = []
    for number in range(8):
        question = counting(50_000 + 100 * number, words=4 if number % 2 else 60)
        answer = await ask(client, question, f"read-{number}")
        fresh = answer.usage["prompt_tokens"] - answer.usage["cached_tokens"]
        reading.append((float(fresh), answer.first - answer.asked))
    alone, prefill = line(reading)
    # A call's base is a pass over the weights, whatever the call computes.
    call = max(0.0, min(base, alone))
    machine = Machine(prefill, base, each, steps=tuple(steps), call=call, shared_rows=UNTILED_ROWS)
    return Fitted(machine, alone - call)


def _question(source: random.Random) -> str:
    topics = ", ".join(source.sample(TOPICS, source.randint(1, 12)))
    return f"{source.randint(1, 10_000)}번째 질문입니다. {topics}에 관해 알려 주세요."


async def arrivals(client: httpx.AsyncClient, rate: float, seconds: float, seed: int) -> list[Answer]:
    """Strangers who come at random; all answers."""
    source = random.Random(seed)

    async def come(number: int) -> Answer:
        return await ask(client, _question(source), f"arrival-{seed}-{number}")

    return await at_random(come, rate, seconds, seed)


def predicted(fitted: Fitted, answers: list[Answer], tokens: int) -> list[SimulatedRequest]:
    """The same arrivals in the simulator, in their order."""
    begun = answers[0].asked
    coming = [
        Arrival(
            answer.asked - begun,
            answer.user,
            prompt=answer.usage["prompt_tokens"],
            cached=answer.usage["cached_tokens"],
            output=max(1, answer.tokens),
            max_tokens=tokens,
        )
        for answer in answers
    ]
    order = {arrival.caller: number for number, arrival in enumerate(coming)}
    outcomes = Simulator(fitted.machine).run(coming)
    return sorted(outcomes, key=lambda outcome: order[outcome.arrival.caller])


def slowed(fitted: Fitted, crowd: list[Answer], tokens: int) -> Fitted:
    """The machine under a crowd: all its times longer by what makes the simulated ends those of the crowd."""

    def scaled(factor: float) -> Fitted:
        card = fitted.machine
        steps = tuple((users, factor * seconds) for users, seconds in card.steps)
        slower = replace(
            card,
            prefill=factor * card.prefill,
            base=factor * card.base,
            each=factor * card.each,
            steps=steps,
            call=factor * card.call,
        )
        return replace(fitted, machine=slower)

    real = median(answer.end - answer.asked for answer in crowd)
    low, high = 0.5, 4.0
    for _ in range(12):
        middle = (low + high) / 2
        ends = [
            outcome.end for outcome in predicted(scaled(middle), crowd, tokens) if outcome.end is not None
        ]
        low, high = (middle, high) if median(ends) + fitted.around < real else (low, middle)
    return scaled((low + high) / 2)


def errors(
    fitted: Fitted, answers: list[Answer], outcomes: list[SimulatedRequest]
) -> tuple[list[float], list[float]]:
    """Relative errors of first tokens and of ends."""
    firsts: list[float] = []
    ends: list[float] = []
    for answer, outcome in zip(answers, outcomes, strict=True):
        if outcome.first is None or outcome.end is None:
            raise RuntimeError("the simulator refused what the machine served")
        for found, simulated, real in (
            (firsts, outcome.first, answer.first - answer.asked),
            (ends, outcome.end, answer.end - answer.asked),
        ):
            found.append(abs(simulated + fitted.around - real) / real)
    return firsts, ends


async def measure(suite: RunningSuite, options: argparse.Namespace) -> None:
    """Fit, then predict each load, and print."""
    async with client_of(suite.office) as client:
        fitted = await fit(client)
        card = fitted.machine
        print(f"fitted: {card}, {1000 * fitted.around:.1f} ms around the engine\n")
        sample = await arrivals(client, 2.0, 10.0, 1)
        length = sum(answer.tokens for answer in sample) / len(sample)
        fresh = sum(a.usage["prompt_tokens"] - a.usage["cached_tokens"] for a in sample) / len(sample)
        full = card.step(card.sequences) / card.sequences
        capacity = 1 / (length * full + fresh * card.prefill)
        crowd = await arrivals(client, 1.1 * capacity, options.seconds / 2, 99)
        crowd = [answer for answer in crowd if answer.complete and answer.first]
        fitted = slowed(fitted, crowd, options.tokens)
        factor = fitted.machine.prefill / card.prefill
        print(f"under a crowd of {len(crowd)} everything takes {factor:.2f} times as long\n")
        print("| load | answers | tokens, mean | first, s | error: median, p90 | end, s | error |")
        print("|---|---|---|---|---|---|---|")
        for number, load in enumerate(options.loads):
            answers = await arrivals(client, load * capacity, options.seconds, 2 + number)
            served = [answer for answer in answers if answer.complete and answer.first]
            firsts, ends = errors(fitted, served, predicted(fitted, served, options.tokens))
            print(
                f"| {load} | {len(served)} | {sum(a.tokens for a in served) / len(served):.0f} "
                f"| {median(a.first - a.asked for a in served):.2f} "
                f"| {100 * median(firsts):.0f} %, {100 * quantile(firsts, 0.9):.0f} % "
                f"| {median(a.end - a.asked for a in served):.2f} "
                f"| {100 * median(ends):.0f} %, {100 * quantile(ends, 0.9):.0f} % |",
                flush=True,
            )
    print(f"\ntarget: median ≤ 20 %, p90 ≤ 50 %; {machine()}")


def main(options: argparse.Namespace) -> None:
    """Start the suite, measure, stop it."""
    with started(OFFICE__MAX_TOKENS=options.tokens) as suite:
        asyncio.run(measure(suite, options))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--loads", type=float, nargs="+", default=[0.7, 1.3])
    parser.add_argument("--seconds", type=float, default=40.0, help="of each load")
    parser.add_argument("--tokens", type=int, default=96, help="longest answer")
    main(parser.parse_args())
