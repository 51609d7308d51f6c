"""Ours against llama-server: the same model, commit, CPU library, prompts and numbers of tokens.

usage: python -m bench.against_llama_server --model FILE.gguf --server PATH [--users 20] [--rounds 3]

Both sides stay loaded; rounds alternate who goes first. A ratio is the peer's wall time by ours, taken within
a round; the table gives the median and the range over rounds, and how busy the machine was. The peer is
reached through HTTP on the loopback, ours in the process: HTTP costs us about 50 µs a token more.
"""

import argparse
import asyncio
import os
import statistics
import time
from pathlib import Path

from bench.sides import LlamaServer, Ours, Side, Timing
from bench.workloads import Ask, alone, many_characters, mixed_lengths, one_persona

Row = tuple[str, list[Ask]]


def plan(users: int, number: int) -> list[Row]:
    """The workloads of one round; prompts differ between rounds, so that "first" is first each time."""
    base = 1000 * (number + 1)
    first = one_persona(users, base)
    return [
        ("one persona, first pass", first),
        ("one persona, same questions", first),
        ("one persona, new questions", one_persona(users, base + 100)),
        ("a character each, first pass", many_characters(users, base)),
        ("a character each, new questions", many_characters(users, base + 100)),
        ("mixed lengths", mixed_lengths(users, base + 200)),
        ("one user alone", alone(base + 300)),
    ]


async def measured(side: Side, asks: list[Ask]) -> tuple[float, list[Timing]]:
    """Wall seconds and timings; every answer must have exactly the tokens that were asked."""
    begun = time.perf_counter()
    timings = await side.answer(asks)
    seconds = time.perf_counter() - begun
    for ask, timing in zip(asks, timings, strict=True):
        if timing.tokens != ask.tokens or not timing.text:
            raise RuntimeError(f"{side.name} produced {timing.tokens} of {ask.tokens} tokens")
    return seconds, timings


async def compare(ours: Ours, peer: Side | None, users: int, rounds: int) -> None:
    """Run all rounds and print the table."""
    walls: dict[str, dict[str, list[float]]] = {}
    firsts: dict[str, list[float]] = {}
    gaps: dict[str, list[float]] = {}
    decoding = total = 0.0
    for number in range(rounds):
        for name, asks in plan(users, number):
            sides: list[Side] = [ours] if peer is None else [ours, peer]
            for side in sides if number % 2 else reversed(sides):
                before = ours.decoding
                seconds, timings = await measured(side, asks)
                walls.setdefault(name, {}).setdefault(side.name, []).append(seconds)
                firsts.setdefault(side.name, []).extend(timing.first for timing in timings)
                gaps.setdefault(side.name, []).extend(gap for timing in timings for gap in timing.gaps)
                if side is ours and len(asks) > 1:
                    decoding, total = decoding + ours.decoding - before, total + seconds
    print(f"load average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {rounds} rounds\n")
    print("| workload | ours, s | peer, s | peer / ours: median (range) |\n|---|---|---|---|")
    for name, sides_walls in walls.items():
        mine = sides_walls["ours"]
        theirs = sides_walls.get("llama-server", [])
        ratios = [b / a for a, b in zip(mine, theirs, strict=False)]
        shown = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})" if ratios else "-"
        peer_seconds = f"{statistics.median(theirs):.2f}" if theirs else "-"
        print(f"| {name} | {statistics.median(mine):.2f} | {peer_seconds} | {shown} |")
    print("\n| side | first token p50, s | gap p50, ms | gap p99, ms |\n|---|---|---|---|")
    for name, values in gaps.items():
        ordered = sorted(values)
        p99 = 1000 * ordered[int(0.99 * len(ordered))]
        half = 1000 * statistics.median(ordered)
        print(f"| {name} | {statistics.median(firsts[name]):.2f} | {half:.0f} | {p99:.0f} |")
    print(f"\nshare of ours inside llama_decode with {users} users: {100 * decoding / total:.1f} %")


async def main(options: argparse.Namespace, port: int) -> None:
    """Start both sides, compare, stop both."""
    ours = await Ours(options.model, options.users, options.threads).open()
    peer = None
    try:
        if options.server is not None:
            peer = LlamaServer(options.server, options.model, options.users, options.threads, port)
            await peer.open()
        await compare(ours, peer, options.users, options.rounds)
    finally:
        await ours.close()
        if peer is not None:
            await peer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--server", type=Path, help="llama-server; without it only ours is timed")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--port", type=int, default=18080)
    given = parser.parse_args()
    asyncio.run(main(given, given.port))
