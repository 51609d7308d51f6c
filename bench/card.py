"""The engine on a card: what it chooses to fit, what parked cells cost, whether rooms outside the pool pay.

usage: python -m bench.card --model FILE.gguf [--gpu-layers auto] [--free 7700 11700 3000]

Parts: ``fits``, smaller cards (the rest of the card is taken by an allocation of this process);
``arrivals``, a step of 20 sequences beside parked cells, and random arrivals against the simulator with this
card's own step times; ``rooms``, the next turn of more rooms than the pool holds, with and without the host
cache. On a machine without a card the first is left out.
"""

import argparse
import asyncio
import ctypes
import logging
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.step_times import COUNTS, Bench
from bench.suite import at_random, line, median, quantile
from tests.engine.rig import Answer, Rig, open_rig, question

from chatbot.domain.messages import Exchange, Finished, Sampling, Token, Usage
from chatbot.llm.llama.card import card_memory
from chatbot.llm.llama.context import parking_ids
from chatbot.llm.llama.model_file import ModelFile
from chatbot.scheduling.simulate import Arrival, Machine, Simulator

_USERS = 20
_LAST = max(COUNTS) - 1
"""The sequence that computes what is parked."""

_SHAPE = {"context_tokens": 4096, "parallel": 24}


def _sampling(tokens: int) -> Sampling:
    return Sampling(temperature=0.0, repeat_penalty=1.0, max_tokens=tokens)


@contextmanager
def ballast(leave_mib: int) -> Iterator[None]:
    """Take so much of card 0 that ``leave_mib`` stay free, through the driver's own interface."""
    memory = card_memory(0)
    if memory is None:
        raise RuntimeError("llama.cpp sees no card")
    driver, context, pointer = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p(), ctypes.c_uint64()
    taken = ctypes.c_size_t(max(0, memory.free_mib - leave_mib) << 20)
    for code in (
        driver.cuInit(0),
        driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0),
        driver.cuCtxPushCurrent_v2(context),
        driver.cuMemAlloc_v2(ctypes.byref(pointer), taken),
    ):
        if code:
            raise RuntimeError(f"the CUDA driver returned {code}")
    try:
        yield
    finally:
        driver.cuMemFree_v2(pointer)
        driver.cuCtxPopCurrent_v2(ctypes.byref(context))
        driver.cuDevicePrimaryCtxRelease(0)


@contextmanager
def opened(options: argparse.Namespace, **settings: object) -> Iterator[Rig]:
    """An engine, closed afterwards."""
    usual = _SHAPE | {"gpu_layers": options.gpu_layers, "threads": options.threads}
    rig = open_rig(options.model, exact=False, **(usual | settings))
    try:
        yield rig
    finally:
        rig.model.close()


def fits(options: argparse.Namespace) -> None:
    """Each smaller card: what was chosen, what it took, and that 20 users are answered."""
    logging.basicConfig(format="%(message)s", stream=sys.stdout)
    logging.getLogger("chatbot.llm.llama").setLevel(logging.INFO)
    for free in options.free:
        with ballast(free):
            before = _free_mib()
            with opened(options, pool_tokens=0, gpu_layers="auto") as rig:
                begun = time.perf_counter()
                answers = asyncio.run(_ask_all(rig, 64))
                wall = time.perf_counter() - begun
                complete = sum(answer.end is not None for answer in answers)
                print(
                    f"  of {free} MiB: {before - _free_mib()} taken after {complete} of {_USERS} users had "
                    f"64 tokens each in {wall:.2f} s",
                    flush=True,
                )


def _free_mib() -> int:
    memory = card_memory(0)
    return memory.free_mib if memory else 0


async def _ask_all(rig: Rig, tokens: int) -> list[Answer]:
    texts = [f"question {n} about topic {n * n} of the list" for n in range(_USERS)]
    asked = (
        rig.ask(question(text), _sampling(tokens), caller=f"user{n}", seconds=300.0)
        for n, text in enumerate(texts)
    )
    return await asyncio.gather(*asked)


def parked_cells(options: argparse.Namespace) -> float:
    """Steps and prompts beside parked cells; seconds for a prompt token without any."""
    file = ModelFile(options.model, gpu_layers=-1 if options.gpu_layers == "auto" else options.gpu_layers)
    held = 256
    bench = Bench(file, held=held, threads=options.threads, parked=max(options.parked) + 64 * max(COUNTS))
    call, memory = bench.call, bench.context.memory
    call([(0, 512)])
    memory.truncate(0, 0)
    prefill = median(bench.read(sequence) for sequence in range(max(COUNTS)))
    print(f"\nprefill {1 / prefill:,.0f} tokens/s in calls of {held} rows\n")
    print("| parked cells | a step of 20, ms | 256 rows of a prompt, ms |\n|---|---|---|", flush=True)
    ids, parked = iter(parking_ids(max(COUNTS))), 0
    for wanted in options.parked:
        while parked < wanted:
            call([(_LAST, 512)])
            parked += 512
            if memory.length(_LAST) >= 4096 or parked >= wanted:
                memory.share(_LAST, next(ids), memory.length(_LAST))
                memory.truncate(_LAST, 0)
        step = median(bench.step(_USERS) for _ in range(10))
        read = call([(_LAST, held)])
        memory.truncate(_LAST, 0)
        print(f"| {parked} | {1000 * step:.2f} | {1000 * read:.2f} |", flush=True)
    bench.context.close()
    file.close()
    return prefill


def rooms(options: argparse.Namespace) -> None:
    """The second turn of more rooms than the pool holds, with and without the host cache."""
    print("\n| host cache, MiB | second turns, s | prompt tokens computed | a copied token, µs |")
    print("|---|---|---|---|", flush=True)
    walls = []
    for budget in (0, options.host_mib):
        with opened(options, pool_tokens=options.room_pool, host_cache_mib=budget) as rig:
            first, _ = asyncio.run(_turns(rig, options.rooms, []))
            answers, wall = asyncio.run(_turns(rig, options.rooms, [answer.text for answer in first]))
            usage = [answer.finished.usage for answer in answers]
            fresh = sum(one.prompt - one.cached for one in usage)
            cost = rig.loaded.engine._setup.policy.host_cache._cost.seconds
            print(f"| {budget} | {wall:.2f} | {fresh} | {1e6 * cost:.0f} |", flush=True)
            walls.append(wall)
    print(f"\nwithout / with: {walls[0] / walls[1]:.2f}")


async def _turns(rig: Rig, number: int, told: list[str]) -> tuple[list[Answer], float]:
    """One turn of every room, eight at a time."""
    gate = asyncio.Semaphore(8)

    async def turn(room: int) -> Answer:
        text = f"Room {room}. " + " ".join(str(random.Random(room * 1000 + n).random()) for n in range(40))
        exchanges = (Exchange(0, text, told[room]),) if told else ()
        asked = question("And then?" if told else text, exchanges=exchanges)
        async with gate:
            return await rig.ask(asked, _sampling(32), caller=f"room{room}")

    begun = time.perf_counter()
    answers = await asyncio.gather(*(turn(room) for room in range(number)))
    return answers, time.perf_counter() - begun


@dataclass(frozen=True)
class Served:
    """One answer: the moment it was asked, seconds from there to its first token and to its end; sizes."""

    caller: str
    asked: float
    first: float
    end: float
    usage: Usage


async def _served(rig: Rig, caller: str, tokens: int) -> Served:
    asked, first, usage = time.perf_counter(), 0.0, Usage()
    place = rig.place(caller, 300.0, tokens)
    async for event in place.generate(question(f"question of {caller}"), _sampling(tokens)):
        match event:
            case Token() if not first:
                first = time.perf_counter() - asked
            case Finished():
                usage = event.usage
    return Served(caller, asked, first, time.perf_counter() - asked, usage)


async def measured_steps(rig: Rig) -> tuple[tuple[int, float], ...]:
    """Seconds between tokens by how many are answered at once, sampling and all; prompts are shared."""
    steps = []
    for users in (1, 2, 4, 6, 8, 12, 16, 20, 24):
        answers: list[Served] = []
        for _ in range(2):
            answers = await asyncio.gather(*(_served(rig, f"fit{n}", 64) for n in range(users)))
        steps.append((users, median((one.end - one.first) / (one.usage.completion - 1) for one in answers)))
    return tuple(steps)


def arrivals(options: argparse.Namespace, prefill: float) -> None:
    """Steps measured in one run, then random arrivals, and the simulator's times for the same."""
    with opened(options, pool_tokens=16384) as rig:
        steps = asyncio.run(measured_steps(rig))
    base, each = line([(float(users), seconds) for users, seconds in steps])
    machine = Machine(prefill=prefill, base=base, each=each, steps=steps)
    print(f"\n{machine}\n")
    print("| a second | answers | first p50, ms | error: median, p90 | end p50, s | error: median, p90 |")
    print("|---|---|---|---|---|---|", flush=True)
    for rate in options.rates:
        with opened(options, pool_tokens=16384) as rig:
            answers = asyncio.run(_arrive(rig, rate, options.seconds))
        begun = min(one.asked for one in answers)
        sizes = [(one, one.usage) for one in sorted(answers, key=lambda one: one.asked)]
        coming = [
            Arrival(
                one.asked - begun,
                one.caller,
                prompt=usage.prompt,
                cached=usage.cached,
                output=usage.completion,
                max_tokens=usage.completion,
            )
            for one, usage in sizes
        ]
        simulated = {outcome.arrival.caller: outcome for outcome in Simulator(machine).run(coming)}
        usual = 1000 * median(one.first for one in answers)
        firsts = [(simulated[one.caller].first, one.first) for one in answers]
        ends = [(simulated[one.caller].end, one.end) for one in answers]
        print(
            f"| {rate} | {len(answers)} | {usual:.0f} | {_errors(firsts)} "
            f"| {median(real for _, real in ends):.2f} | {_errors(ends)} |",
            flush=True,
        )


def _errors(pairs: list[tuple[float | None, float]]) -> str:
    """Median and 90th percentile of the relative errors; one that the simulator refused counts as 1."""
    found = [1.0 if told is None else abs(told - real) / real for told, real in pairs]
    return f"{100 * median(found):.0f} %, {100 * quantile(found, 0.9):.0f} %"


async def _arrive(rig: Rig, rate: float, seconds: float) -> list[Served]:
    source = random.Random(7)

    async def come(number: int) -> Served:
        return await _served(rig, f"user{number}", source.randint(32, 200))

    return await at_random(come, rate, seconds, 7)


def main(options: argparse.Namespace) -> None:
    """The parts that are asked for."""
    if "fits" in options.parts and card_memory(0) is not None:
        fits(options)
    if "arrivals" in options.parts:
        arrivals(options, parked_cells(options))
    if "rooms" in options.parts:
        rooms(options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument(
        "--gpu-layers", default="auto", type=lambda text: text if text == "auto" else int(text)
    )
    parser.add_argument("--parts", nargs="*", default=["fits", "arrivals", "rooms"])
    parser.add_argument("--free", type=int, nargs="*", default=[7700, 11700, 3000], help="MiB")
    parser.add_argument("--parked", type=int, nargs="*", default=[0, 8192, 32768], help="cells")
    parser.add_argument("--rooms", type=int, default=60)
    parser.add_argument("--room-pool", type=int, default=16384, help="tokens")
    parser.add_argument("--host-mib", type=int, default=8192)
    parser.add_argument("--rates", type=float, nargs="*", default=[10.0, 20.0], help="questions a second")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--threads", type=int, default=0)
    main(parser.parse_args())
