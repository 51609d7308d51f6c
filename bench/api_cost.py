"""What the product costs around its engine: a request at fifty a second, and a token of a stream.

usage: python -m bench.api_cost [--rate 50] [--seconds 20] [--streams 20] [--tokens 500] [--rounds 5]

Starts bench.null_suite, whose model costs nothing, as a process of its own. Requests come at random moments
over connections that stay open and are written by hand, so that the client adds little; a request's time is
from its first byte sent to the last received. Processor time of a token is what the server's process used
while it streamed, by tokens sent; the bare route streams the same bytes, and rounds alternate who goes first.
"""

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
from bench.suite import machine, median, quantile
from tests.support.ports import held_ports


@dataclass
class Line:
    """An open HTTP/1.1 connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def exchange(self, request: bytes) -> tuple[float, bytes]:
        """Send one request and read its whole answer: seconds, and the answer."""
        begun = time.perf_counter()
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if b"chunked" in head:
            body = await self.reader.readuntil(b"\r\n0\r\n\r\n")
        else:
            length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
            body = await self.reader.readexactly(int(length))
        seconds = time.perf_counter() - begun
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode() + body.decode())
        return seconds, body


async def lines(port: int, number: int) -> list[Line]:
    """So many open connections, with room for a whole stream."""
    return [Line(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)) for _ in range(number)]


def post(tokens: int, *, stream: bool, room: bool = False) -> bytes:
    """A question for so many tokens; with ``room`` its turn is stored."""
    asked = {"input_data": str(tokens)}
    if room:
        asked |= {"user_id": f"user-{random.randrange(100)}", "db_id": str(uuid4())}
    body = json.dumps(asked).encode()
    accept = "text/event-stream" if stream else "application/json"
    return (
        f"POST /office/Llama HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Accept: {accept}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def steady(port: int, rate: float, seconds: float, *, room: bool) -> list[float]:
    """Milliseconds of requests that come at random, so many a second."""
    free = asyncio.Queue[Line]()
    for line in await lines(port, 32):
        free.put_nowait(line)
    source, took = random.Random(1), list[float]()

    async def one() -> None:
        line = await free.get()
        took.append(1000 * (await line.exchange(post(16, stream=False, room=room)))[0])
        free.put_nowait(line)

    begun, at, tasks = time.perf_counter(), 0.0, []
    while at < seconds:
        tasks.append(asyncio.create_task(one()))
        at += source.expovariate(rate)
        await asyncio.sleep(max(0.0, begun + at - time.perf_counter()))
    await asyncio.gather(*tasks)
    return took


async def streaming(port: int, client: httpx.AsyncClient, request: bytes, streams: int, tokens: int) -> float:
    """Microseconds of the server's processor time for a token."""
    open_lines = await lines(port, streams)
    before = (await client.get("/bench/cpu")).json()
    answers = await asyncio.gather(*(line.exchange(request) for line in open_lines))
    after = (await client.get("/bench/cpu")).json()
    for line in open_lines:
        line.writer.close()
    for _, body in answers:
        if body.count(b"event: token") != tokens:
            raise RuntimeError("a stream has not all its tokens")
    return 1e6 * float(after - before) / (streams * tokens)


async def measure(port: int, options: argparse.Namespace) -> None:
    """Both tables."""
    await steady(port, options.rate, 2.0, room=True)
    print(f"| {options.rate:.0f} requests/s, 16 tokens each | p50, ms | p99, ms |\n|---|---|---|")
    for name, room in (("nothing remembered", False), ("stored in SQLite", True)):
        took = await steady(port, options.rate, options.seconds, room=room)
        print(f"| {name} | {median(took):.2f} | {quantile(took, 0.99):.2f} |", flush=True)
    bare = f"GET /bare/{options.tokens} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
    sides = {"product": post(options.tokens, stream=True), "bare Starlette": bare}
    costs: dict[str, list[float]] = {name: [] for name in sides}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        for number in range(options.rounds + 1):
            for name in sides if number % 2 else reversed(sides):
                cost = await streaming(port, client, sides[name], options.streams, options.tokens)
                if number:
                    costs[name].append(cost)
    print(f"\n| {options.streams} streams of {options.tokens} tokens | processor time a token, µs |")
    print("|---|---|")
    for name, values in costs.items():
        print(f"| {name} | {median(values):.1f} ({min(values):.1f}-{max(values):.1f}) |")
    ratios = [ours / theirs for ours, theirs in zip(*costs.values(), strict=True)]
    print(f"\nratio {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}); {machine()}")


def main(options: argparse.Namespace) -> None:
    """Start the server, measure, stop it."""
    with held_ports(1) as (port,), tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "log").open("wb") as log:
            command = [sys.executable, "-m", "bench.null_suite", str(port), folder]
            server = subprocess.Popen(command, stdout=log)
        try:
            while True:
                try:
                    httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False)
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            asyncio.run(measure(port, options))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    main(parser.parse_args())
