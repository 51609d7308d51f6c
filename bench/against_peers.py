"""Ours against llama-server, llama_cpp.server or a former state of ours: same model, library and prompts.

usage: python -m bench.against_peers --model FILE.gguf --server PATH [--users 20] [--rounds 3]
       python -m bench.against_peers --model FILE.gguf --llama-cpp-server FOLDER   (bench/build_peers.sh)
       python -m bench.against_peers --model FILE.gguf --former CHECKOUT          (git worktree add)

Both sides are processes, of one commit of llama.cpp, asked over HTTP on the loopback by one client. They stay
loaded; rounds alternate who goes first. A ratio is the peer's time by ours within one round; tables give the
median and the range.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.sides import Dialect, FormerOurs, LlamaCppServer, LlamaServer, Ours, Setup, Side, Timing
from bench.workloads import BYTES, KOREAN, Script, Workloads

Row = tuple[str, Script]


def plan(loads: Workloads, number: int) -> list[Row]:
    """The workloads of one round; personas and questions differ between rounds."""
    first = loads.one_persona(number, 100)
    return [
        ("one persona, first pass", first),
        ("one persona, same questions", first),
        ("one persona, new questions", loads.one_persona(number, 200)),
        ("a character each, first pass", loads.many_characters(number, 100)),
        ("a character each, new questions", loads.many_characters(number, 200)),
        ("closed loop, mixed lengths", loads.closed_loop(number, 300)),
        ("one user alone", loads.alone(number, 400)),
    ]


@dataclass
class Measured:
    """One side's figures of one workload, a value a round."""

    walls: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)

    def add(self, seconds: float, timings: Sequence[Timing]) -> None:
        """Note a round: wall seconds, the median first token, and the 99th percentile between tokens."""
        gaps = sorted(gap for timing in timings for gap in timing.gaps)
        self.walls.append(seconds)
        self.firsts.append(statistics.median(timing.first for timing in timings))
        self.gaps.append(gaps[int(0.99 * len(gaps))])


def ratios(top: Sequence[float], bottom: Sequence[float]) -> str:
    """Median and range of the rounds' ratios."""
    values = [a / b for a, b in zip(top, bottom, strict=True)]
    return f"{statistics.median(values):.2f} ({min(values):.2f}-{max(values):.2f})"


async def compare(ours: Side, peer: Side, loads: Workloads, rounds: int, only: str) -> None:
    """Run all rounds of the workloads with ``only`` in their names and print the tables."""
    found: dict[str, dict[str, Measured]] = {}
    decoding = total = 0.0
    for number in range(rounds):
        for name, script in [row for row in plan(loads, number) if only in row[0]]:
            for side in (ours, peer) if number % 2 else (peer, ours):
                before = (await ours.client.get("/bench/decoding")).json()
                begun = time.perf_counter()
                timings = await side.play(script)
                seconds = time.perf_counter() - begun
                found.setdefault(name, {}).setdefault(side.name, Measured()).add(seconds, timings)
                print(f"round {number + 1}, {name}: {side.name} {seconds:.2f} s", file=sys.stderr, flush=True)
                if side is ours and len(script) > 1:
                    decoding += (await ours.client.get("/bench/decoding")).json() - before
                    total += seconds
    print(f"load average at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {rounds} rounds\n")
    print(
        "| workload | ours, s | peer, s | peer / ours | first token p50: ours / peer | gap p99: ours / peer |"
    )
    print("|---|---|---|---|---|---|")
    for name, sides in found.items():
        mine, theirs = sides[ours.name], sides[peer.name]
        print(
            f"| {name} | {statistics.median(mine.walls):.2f} | {statistics.median(theirs.walls):.2f} "
            f"| {ratios(theirs.walls, mine.walls)} | {ratios(mine.firsts, theirs.firsts)} "
            f"| {ratios(mine.gaps, theirs.gaps)} |"
        )
    if total:
        share = 100 * decoding / total
        print(f"\nshare of wall time of ours inside llama_decode, several users: {share:.1f} %")


def peer_of(options: argparse.Namespace) -> Dialect:
    """The other side that the options name."""
    if options.server:
        return LlamaServer(options.server, options.server_flag)
    if options.former:
        return FormerOurs(options.former)
    return LlamaCppServer(options.llama_cpp_server, options.end_tokens)


async def main(options: argparse.Namespace) -> None:
    """Start both sides, compare, stop both."""
    mine = Setup(options.model.resolve(), options.users, options.threads, options.gpu_layers, options.port)
    theirs = Setup(mine.model, mine.users, mine.threads, mine.gpu_layers, options.port + 1)
    loads = Workloads(BYTES if options.bytes else KOREAN, options.users)
    ours, other = sides = Side(Ours(), mine), Side(peer_of(options), theirs)
    try:
        for side in sides:
            await side.wait_ready()
            await side.play(loads.warm_up())
        await compare(ours, other, loads, options.rounds, options.only)
    finally:
        for side in sides:
            await side.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, required=True)
    peer = parser.add_mutually_exclusive_group(required=True)
    peer.add_argument("--server", type=Path, help="llama-server")
    peer.add_argument("--llama-cpp-server", type=Path, help="folder of what llama_cpp.server imports")
    peer.add_argument("--former", type=Path, help="checkout of a former state")
    parser.add_argument(
        "--server-flag",
        action="append",
        default=[],
        help="for llama-server, as --server-flag=--backend-sampling",
    )
    parser.add_argument(
        "--end-tokens", type=int, nargs="*", default=(1, 106), help="of the model; (1, 106): Gemma"
    )
    parser.add_argument("--bytes", action="store_true", help="the model's vocabulary is bytes (bench.models)")
    parser.add_argument("--only", default="", help="workloads with this in their names")
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gpu-layers", type=int, default=0, help="-1: all layers on the card")
    parser.add_argument("--port", type=int, default=18080)
    asyncio.run(main(parser.parse_args()))
