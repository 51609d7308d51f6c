"""A day of twenty users in time-lapse: does anything grow, and do answers get slower?

usage: python -m bench.soak [--requests 20000] [--users 32] [--minutes 10] [--samples 40]
                            [--host-cache-mib 64]

Starts ``chatbot up`` on a tiny random model with a search provider of this machine. Users ask both services;
a fifth of the questions come in OpenAI's format; half of the answers are streams; a third are left by their
client; every tenth office question asks for the web. A room lives for about eight turns, and every second one
is then deleted. In half of them facts are pinned, every third is of a character that its user keeps and
deletes with the room, and some get a summary. Ends after so many requests or minutes, whichever comes first.
The change over the second half, when caches are full, is the slope by least squares times the length of that
half, in per cent of its mean. The host cache is small, to be full by then; the suite's own default, 1024,
shows an engine that knows thousands of rooms. Ends with 1 and a sentence for each promise that was broken:
see ``bench.soak_verdict``.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import httpx
from bench.soak_verdict import GROWING, LEAST_ANSWERS, Sample, broken, drift, quarters, rise, second_half
from bench.suite import machine, median, quantile
from tests.search.local_server import Request, Response, json_response, running
from tests.support.gguf_factory import Plan, write_model
from tests.system.running_suite import RunningSuite, running_suite

SERVICES = ("office", "character")
ROOM_TURNS = 8
"""Turns that a room lives for, on average."""

KEPT = {
    "name": "두리",
    "greeting": "어서 와요.",
    "context": "활발하다.",
    "lorebook": {"entries": [{"keys": ["질문"], "content": "두리는 질문을 좋아한다."}]},
}
"""A character that a user keeps."""


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
    changes: Counter[str] = field(default_factory=Counter)
    """What changed a room or a character, by its method and status."""


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
        page["chatbot_host_cache_bytes"] / 2**20,
    )


def metrics(suite: RunningSuite) -> dict[str, float]:
    """The gauges of a sample, summed over services and engines."""
    names = ("chatbot_queue_size", "chatbot_kv_tokens_used", "chatbot_host_cache_bytes")
    return {name: suite.metric(name) for name in names}


@dataclass(frozen=True)
class Stay:
    """A user in one room."""

    http: httpx.AsyncClient
    day: Day
    source: random.Random
    user: str
    room: str
    character: str | None
    """The id of a kept character, where the room is of one."""

    async def change(self, method: str, path: str, body: object = None) -> httpx.Response | None:
        """Change what is stored of the user; note how that ended."""
        try:
            answer = await self.http.request(method, path, params={"user_id": self.user}, json=body)
        except httpx.TransportError as error:
            self.day.changes[f"{method} {type(error).__name__}"] += 1
            return None
        self.day.changes[f"{method} {answer.status_code}"] += 1
        return answer


def native(stay: Stay, service: str) -> tuple[str, dict[str, object]]:
    """Path and body of a question in the suite's own format."""
    body: dict[str, object] = {
        "input_data": f"질문 {stay.day.sent}",
        "user_id": stay.user,
        "db_id": stay.room,
    }
    if service == "office":
        body["google_access"] = stay.source.random() < 0.1
    elif stay.character:
        body["character_id"] = stay.character
    else:
        body |= {"character_name": "하나", "greeting": "안녕하세요.", "context": "차분하다."}
    return f"/{service}/Llama", body


def foreign(stay: Stay, service: str, *, stream: bool) -> tuple[str, dict[str, object]]:
    """Path and body of a question in OpenAI's format."""
    messages = [{"role": "user", "content": f"질문 {stay.day.sent}"}]
    body: dict[str, object] = {"model": "Llama", "messages": messages, "user": stay.user, "stream": stream}
    return f"/{service}/v1/chat/completions", body


async def ask(stay: Stay) -> None:
    """Ask one question in one of the ways; note how it ended."""
    http, day, source = stay.http, stay.day, stay.source
    service, stream, in_openais = source.choice(SERVICES), source.random() < 0.5, source.random() < 0.2
    path, body = foreign(stay, service, stream=stream) if in_openais else native(stay, service)
    last = "data: [DONE]" if in_openais else "event: done"
    day.sent += 1
    asked, leaves = time.perf_counter(), source.random() < 1 / 3
    headers = {"Accept": "text/event-stream"} if stream and not in_openais else {}
    try:
        async with asyncio.timeout(source.uniform(0.0, 0.3) if leaves else 300):
            async with http.stream("POST", path, json=body, headers=headers) as answer:
                await answer.aread()
        end = str(answer.status_code)
        if answer.status_code == 200 and stream and last not in answer.text:
            end = "broken stream"
        elif answer.status_code == 200 and not leaves:
            day.whole.append((asked - day.began, time.perf_counter() - asked))
        elif answer.status_code == 429:
            await asyncio.sleep(min(1.0, float(answer.headers["retry-after"])))
        day.ends[end] += 1
        turn = answer.headers.get("x-turn-id")
        if turn and source.random() < 0.1:
            summary = {"text": f"요약 {day.sent}"}
            await stay.change("PUT", f"/{service}/rooms/{stay.room}/summaries/{turn}", summary)
    except TimeoutError:
        day.ends["left" if leaves else "no answer in 300 s"] += 1
    except httpx.TransportError as error:
        day.ends[type(error).__name__] += 1


async def live(http: httpx.AsyncClient, day: Day, number: int, options: argparse.Namespace) -> None:
    """One user's day: a room after another, each for some turns."""
    source, until = random.Random(number), day.began + 60 * options.minutes
    while day.sent < options.requests and time.perf_counter() < until:
        room = str(UUID(int=source.getrandbits(128), version=4))
        stay = Stay(http, day, source, f"user-{number}", room, None)
        if source.random() < 1 / 3:
            kept = await stay.change("POST", "/character/characters", KEPT)
            if kept is not None and kept.status_code == 200:
                stay = replace(stay, character=kept.json()["id"])
        pinned = source.random() < 0.5
        for turn in range(source.randint(1, 2 * ROOM_TURNS - 1)):
            await ask(stay)
            if pinned and turn == 1:
                facts = {"facts": [f"사실 {day.sent}"]}
                await stay.change("PATCH", f"/{source.choice(SERVICES)}/rooms/{room}", facts)
        if stay.character:
            await stay.change("DELETE", f"/character/characters/{stay.character}")
        if source.random() < 0.5:
            for service in SERVICES:
                await stay.change("DELETE", f"/{service}/rooms/{room}")


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
    half = second_half(day.samples)
    print("| what | first sample | middle | last | when idle again | change over the second half |")
    print("|---|---|---|---|---|---|")
    for name in ("memory_mib", "host_cache_mib", *GROWING, "waiting"):
        seen = rise(half, name)
        share = f" ({100 * seen.change / seen.mean:+.1f} %)" if seen.mean else ""
        shown = (day.samples[0], half[0], half[-1], after)
        cells = " | ".join(f"{getattr(each, name):.0f}" for each in shown)
        print(f"| {name} | {cells} | {seen.change:+.1f}{share} |")
    end = day.samples[-1].at
    answers = quarters(day.whole, end)
    print("\n| whole answers in quarter | n | p50, s | p95, s |\n|---|---|---|---|")
    for number, quarter in enumerate(answers, 1):
        print(f"| {number} | {len(quarter)} | {median(quarter):.3f} | {quantile(quarter, 0.95):.3f} |")
    drifted = drift(answers)
    told = f"not judged, below {LEAST_ANSWERS} answers" if drifted is None else f"{100 * drifted:+.1f} %"
    print(f"\np95 of the fourth quarter against the second: {told} (goal: below 5 %)")
    ends = ", ".join(f"{count} × {status}" for status, count in day.ends.most_common())
    print(f"{day.sent} requests in {end:.0f} s: {ends}")
    print("changes: " + ", ".join(f"{count} × {what}" for what, count in day.changes.most_common()))
    conserved = day.ends["200"] <= counted <= day.sent == day.ends.total()
    print(f"the service counted {counted:.0f} questions; the others left before theirs had arrived")
    print(machine())
    sentences = broken(day.samples, day.whole, after)
    if not conserved:
        sentences.append("the counters do not agree with what was sent")
    strange = set(day.ends) - {"200", "429", "left"}
    # A room that no turn was stored in is none.
    strange |= {what for what in day.changes if not what.endswith((" 200", " 404"))}
    if strange:
        sentences.append(f"ends that a healthy service does not have: {', '.join(sorted(strange))}")
    for sentence in sentences:
        print(f"BROKEN: {sentence}")
    return not sentences


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
    settings |= {f"CHATBOT_{name.upper()}__SUMMARIES": "true" for name in SERVICES}
    settings |= {f"CHATBOT_{name.upper()}__HOST_CACHE_MIB": str(options.host_cache_mib) for name in SERVICES}
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
    parser.add_argument("--host-cache-mib", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        sys.exit(0 if asyncio.run(run(Path(place), arguments)) else 1)
