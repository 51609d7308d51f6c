"""What the measurements over HTTP share: one question as a client sees it, and figures of many answers."""

import asyncio
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
from tests.system.running_suite import RunningSuite, running_suite

_Served = TypeVar("_Served")

COUNT_ON = "다음 숫자를 계속 써 주세요."
"""What the small model goes on with until its limit, so that all answers have the same length."""


@dataclass(slots=True)
class Answer:
    """One question's fate; times are ``time.perf_counter()`` seconds, status 0 means a broken connection.

    ``announced`` is the first prediction that the stream gave: when, and seconds to the first token.
    """

    user: str
    asked: float
    status: int = 0
    headed: float = 0.0
    retry_after: float = 0.0
    announced: tuple[float, float] | None = None
    first: float = 0.0
    end: float = 0.0
    usage: dict[str, int] = field(default_factory=dict)
    error: str = ""

    @property
    def complete(self) -> bool:
        """Whether the answer ended with ``done``."""
        return bool(self.end)

    @property
    def failed(self) -> bool:
        """A 5xx, whether as a status or inside a stream, or no answer at all."""
        return self.status == 0 or self.status >= 500 or bool(self.error)

    @property
    def tokens(self) -> int:
        """Tokens of a complete answer."""
        return self.usage.get("completion_tokens", 0)


def client_of(address: str) -> httpx.AsyncClient:
    """A client without limits of its own."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(base_url=address, timeout=600, limits=limits, trust_env=False)


def counting(number: int, *, words: int = 6) -> str:
    """A question that only this number asks: a row of numbers to go on with."""
    row = ", ".join(str(value) for value in range(number, number + words))
    return f"{row} {COUNT_ON}"


async def ask(client: httpx.AsyncClient, question: str, user: str, room: str | None = None) -> Answer:
    """Ask the office service for a stream and read it to its end."""
    body = {"input_data": question, "user_id": user} | ({"db_id": room} if room else {})
    answer = Answer(user, time.perf_counter())
    try:
        async with client.stream(
            "POST", "/office/Llama", json=body, headers={"Accept": "text/event-stream"}
        ) as response:
            answer.status, answer.headed = response.status_code, time.perf_counter()
            answer.retry_after = float(response.headers.get("retry-after", 0))
            event = ""
            async for line in response.aiter_lines():
                if line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("data: "):
                    _note(answer, event, line[6:])
    except httpx.TransportError as error:
        answer.status, answer.error = 0, repr(error)
    return answer


def _note(answer: Answer, event: str, data: str) -> None:
    now = time.perf_counter()
    if event == "token":
        answer.first = answer.first or now
    elif event == "queue" and answer.announced is None:
        answer.announced = now, float(json.loads(data)["eta_s"])
    elif event == "done":
        answer.end, answer.usage = now, json.loads(data)["usage"]
    elif event == "error":
        answer.error = data


async def asking_on(client: httpx.AsyncClient, user: int, until: float, *, step: int = 1000) -> list[Answer]:
    """Ask one question after another, all different, until that moment (perf_counter)."""
    answers: list[Answer] = []
    while time.perf_counter() < until:
        question = counting(step * user + len(answers))
        answers.append(await ask(client, question, f"closed-{user}"))
        if not answers[-1].complete:
            await asyncio.sleep(1.0)
    return answers


async def closed_loop(client: httpx.AsyncClient, seconds: float, users: int = 32) -> list[Answer]:
    """All answers of so many users, each of whom asks one question after another for so long."""
    until = time.perf_counter() + seconds
    listed = await asyncio.gather(*(asking_on(client, user, until) for user in range(users)))
    return [answer for each in listed for answer in each]


async def at_random(
    come: Callable[[int], Awaitable[_Served]], rate: float, seconds: float, seed: int
) -> list[_Served]:
    """What became of arrivals at random moments, ``rate`` a second for so long; each gets its number."""
    source = random.Random(seed)
    until = time.perf_counter() + seconds
    coming: list[asyncio.Future[_Served]] = []
    while time.perf_counter() < until:
        coming.append(asyncio.ensure_future(come(len(coming))))
        await asyncio.sleep(source.expovariate(rate))
    return await asyncio.gather(*coming)


@contextmanager
def started(**settings: object) -> Iterator[RunningSuite]:
    """``chatbot up`` with these settings (CHATBOT_ before each name) in a folder of its own."""
    variables = {f"CHATBOT_{name}": str(value) for name, value in settings.items()}
    with tempfile.TemporaryDirectory() as folder, running_suite(Path(folder), **variables) as suite:
        yield suite


def goodput(answers: Iterable[Answer], begun: float, ended: float) -> float:
    """Tokens a second within the window, of answers that were completed at any time.

    An answer's tokens are spread evenly between its first and its last.
    """
    made = 0.0
    for answer in answers:
        if answer.complete and answer.end > answer.first:
            inside = min(answer.end, ended) - max(answer.first, begun)
            made += answer.tokens * max(0.0, inside) / (answer.end - answer.first)
    return made / (ended - begun)


def quantile(values: Iterable[float], share: float) -> float:
    """The value that this share of all does not exceed; NaN of none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def prediction_errors(answers: Sequence[Answer], least: float = 1.0) -> list[float]:
    """Relative errors of the first prediction in each stream, of waits of at least so many seconds."""
    errors = []
    for answer in answers:
        if answer.announced is not None and answer.first:
            real = answer.first - answer.announced[0]
            if real >= least:
                errors.append(abs(answer.announced[1] - real) / real)
    return errors


def line(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Intercept and slope by least squares."""
    xs, ys = zip(*points, strict=True)
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x in xs)
    return mean_y - slope * mean_x, slope


def median(values: Iterable[float]) -> float:
    """The median; NaN of none."""
    listed = list(values)
    return statistics.median(listed) if listed else float("nan")


def machine() -> str:
    """How busy the machine is, for the line below a table."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
