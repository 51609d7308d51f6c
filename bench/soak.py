"""A day of twenty users in time-lapse: does anything grow, and do answers get slower?

usage: python -m bench.soak [--requests 20000] [--users 32] [--minutes 10] [--samples 40]

Starts ``chatbot up`` on a tiny random model with a search provider of this machine. Users ask both services;
half of the answers are streams; a third are left by their client; every tenth office question asks for the
web; a room lives for about eight turns, and every second one is then deleted. Ends after so many requests or
minutes, whichever comes first. The change over the second half, when caches are full, is the slope by least
squares times the length of that half, in per cent of its mean.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
from bench.suite import line, machine, median, quantile
from tests.search.local_server import Request, Response, json_response, running
from tests.support.gguf_factory import Plan, write_model
from tests.system.running_suite import RunningSuite, running_suite

SERVICES = ("office", "character")
ROOM_TURNS = 8
"""Turns that a room lives for, on average."""


@dataclass(frozen=True)
class Sample:
    """The process at one moment."""

    at: float
    """Seconds since the first request."""
    memory_mib: float
    """Resident memory."""
    files: int
    """Open file descriptors."""
    threads: int
    """Threads of the process."""
    waiting: float
    """Questions that wait."""
    cells: float
    """Tokens that the KV pool holds."""


@dataclass
class Day:
    """What happened so far."""

    began: float
    """``time.perf_counter()`` of the first request."""
    sent: int = 0
    """Requests that ask a question."""
    ends: Counter[str] = field(default_factory=Counter)
    """How each ended: its status, or ``left`` by the client."""
    whole: list[tuple[float, float]] = field(default_factory=list)
    """When each whole answer was asked for and how long it took, both in seconds."""
    samples: list[Sample] = field(default_factory=list)
    """The process, now and then."""
    deleted: int = 0
    """Rooms that their user deleted."""


def found(_: Request) -> Response:
    """One page of search results."""
    hit = {"url": "https://example.org/", "title": "찾은 글", "content": "아무 내용"}
    return json_response({"query": "x", "results": [hit], "unresponsive_engines": []})


def sample(suite: RunningSuite, page: Mapping[str, float], began: float) -> Sample:
    """Look at the process from outside and at its metrics."""
    status = Path(f"/proc/{suite.process.pid}/status").read_text()
    facts = dict(each.split(":", 1) for each in status.splitlines())
    return Sample(
        time.perf_counter() - began,
        int(facts["VmRSS"].split()[0]) / 1024,
        sum(1 for _ in Path(f"/proc/{suite.process.pid}/fd").iterdir()),
        int(facts["Threads"]),
        page["chatbot_queue_size"],
        page["chatbot_kv_tokens_used"],
    )


def metrics(suite: RunningSuite) -> dict[str, float]:
    """The gauges of a sample, summed over services and engines."""
    return {name: suite.metric(name) for name in ("chatbot_queue_size", "chatbot_kv_tokens_used")}


async def ask(http: httpx.AsyncClient, day: Day, source: random.Random, user: str, room: str) -> None:
    """Ask one question in one of the ways; note how it ended."""
    service = source.choice(SERVICES)
    body: dict[str, object] = {"input_data": f"질문 {day.sent}", "user_id": user, "db_id": room}
    if service == "character":
        body |= {"character_name": "하나", "greeting": "안녕하세요.", "context": "차분하다."}
    if service == "office" and source.random() < 0.1:
        body["google_access"] = True
    day.sent += 1
    stream = source.random() < 0.5
    asked, leaves = time.perf_counter(), source.random() < 1 / 3
    headers = {"Accept": "text/event-stream"} if stream else {}
    try:
        async with asyncio.timeout(source.uniform(0.0, 0.3) if leaves else 300):
            async with http.stream("POST", f"/{service}/Llama", json=body, headers=headers) as answer:
                await answer.aread()
        end = str(answer.status_code)
        if answer.status_code == 200 and stream and "event: done" not in answer.text:
            end = "broken stream"
        elif answer.status_code == 200 and not leaves:
            day.whole.append((asked - day.began, time.perf_counter() - asked))
        elif answer.status_code == 429:
            await asyncio.sleep(min(1.0, float(answer.headers["retry-after"])))
        day.ends[end] += 1
    except TimeoutError:
        day.ends["left" if leaves else "no answer in 300 s"] += 1
    except httpx.TransportError as error:
        day.ends[type(error).__name__] += 1


async def live(http: httpx.AsyncClient, day: Day, number: int, options: argparse.Namespace) -> None:
    """One user's day: a room after another, each for some turns."""
    source, user = random.Random(number), f"user-{number}"
    until = day.began + 60 * options.minutes
    while day.sent < options.requests and time.perf_counter() < until:
        room = str(UUID(int=source.getrandbits(128), version=4))
        for _ in range(source.randint(1, 2 * ROOM_TURNS - 1)):
            await ask(http, day, source, user, room)
        if source.random() < 0.5:
            with suppress(httpx.TransportError):
                for service in SERVICES:
                    await http.delete(f"/{service}/rooms/{room}", params={"user_id": user})
                day.deleted += 1


async def watch(suite: RunningSuite, day: Day, options: argparse.Namespace) -> None:
    """Take a sample whenever one more share of the requests or minutes is over."""
    while True:
        spent = (time.perf_counter() - day.began) / (60 * options.minutes)
        if max(spent, day.sent / options.requests) * options.samples >= len(day.samples):
            page = await asyncio.to_thread(metrics, suite)
            day.samples.append(sample(suite, page, day.began))
        await asyncio.sleep(0.2)


def report(day: Day, counted: float, after: Sample) -> bool:
    """Print the tables; whether everything holds."""
    half = day.samples[len(day.samples) // 2 :]
    span = half[-1].at - half[0].at
    print("| what | first sample | middle | last | when idle again | change over the second half |")
    print("|---|---|---|---|---|---|")
    for name in ("memory_mib", "files", "threads", "waiting", "cells"):
        points = [(each.at, float(getattr(each, name))) for each in half]
        change = line(points)[1] * span
        mean = sum(value for _, value in points) / len(points)
        share = f" ({100 * change / mean:+.1f} %)" if mean else ""
        shown = (day.samples[0], half[0], half[-1], after)
        cells = " | ".join(f"{getattr(each, name):.0f}" for each in shown)
        print(f"| {name} | {cells} | {change:+.1f}{share} |")
    end = day.samples[-1].at
    quarters = [[took for at, took in day.whole if end * n / 4 <= at < end * (n + 1) / 4] for n in range(4)]
    print("\n| whole answers in quarter | n | p50, s | p95, s |\n|---|---|---|---|")
    for number, quarter in enumerate(quarters, 1):
        print(f"| {number} | {len(quarter)} | {median(quarter):.3f} | {quantile(quarter, 0.95):.3f} |")
    drift = quantile(quarters[3], 0.95) / quantile(quarters[1], 0.95) - 1
    print(f"\np95 of the fourth quarter against the second: {100 * drift:+.1f} % (goal: below 5 %)")
    ends = ", ".join(f"{count} × {status}" for status, count in day.ends.most_common())
    print(f"{day.sent} requests in {end:.0f} s: {ends}; {day.deleted} rooms deleted")
    conserved = day.ends["200"] <= counted <= day.sent == day.ends.total()
    print(f"the service counted {counted:.0f} questions; the others left before theirs had arrived")
    print(machine())
    documented = {"200", "429", "left"} >= set(day.ends)
    return conserved and documented and not after.waiting


async def measure(suite: RunningSuite, options: argparse.Namespace) -> bool:
    """The day, and the quiet after it."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=options.users)
    async with httpx.AsyncClient(base_url=suite.gateway, timeout=600, limits=limits, trust_env=False) as http:
        day = Day(time.perf_counter())
        watching = asyncio.create_task(watch(suite, day, options))
        await asyncio.gather(*(live(http, day, number, options) for number in range(options.users)))
        watching.cancel()
    await asyncio.to_thread(suite.wait_idle, 60)
    page = await asyncio.to_thread(metrics, suite)
    counted = suite.metric("chatbot_requests_total")
    return report(day, counted, sample(suite, page, day.began))


async def run(folder: Path, options: argparse.Namespace) -> bool:
    """Start what is needed, measure, stop it."""
    model = str(write_model(folder / "tiny.gguf", Plan()))
    settings = {f"CHATBOT_{name.upper()}__MODEL": model for name in SERVICES}
    settings |= {f"CHATBOT_{name.upper()}__MAX_TOKENS": "16" for name in SERVICES}
    async with running(found) as search:
        settings["CHATBOT_SEARCH__SEARXNG_URL"] = search.address
        starting = running_suite(folder, **settings)
        suite = await asyncio.to_thread(starting.__enter__)
        try:
            return await measure(suite, options)
        finally:
            await asyncio.to_thread(starting.__exit__, None, None, None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--users", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--samples", type=int, default=40)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        sys.exit(0 if asyncio.run(run(Path(place), arguments)) else 1)
