"""Does every acknowledged turn survive, once and in its order? A checker in the manner of Jepsen, over HTTP.

Clients append turns that nobody else could have written while something goes wrong; at the end, in a new
process, every room is read and compared with what each client was told. The application is the product's over
a model that costs nothing (bench.null_suite), so that all time goes into what is being checked.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import UUID

import httpx
from tests.faults.disturbances import Disturbance, NullSuite
from tests.support.ports import held_ports

ROOMS = 4
CLIENTS = 20
"""Five clients write into each room at the same time."""
CLIENT_SECONDS = 3.0
"""A client gives up on an answer after so long, and never learns whether its turn was stored."""
READ_SECONDS = 300.0
"""The longest reading of all rooms in the end; a database may look at every turn for each page."""
CANARY = "비밀7f3a"
"""A word in every question; no log may hold it."""


def room_of(client: int) -> tuple[str, str]:
    """User and room of a client."""
    number = client % ROOMS
    return f"user-{number}", str(UUID(int=number + 1))


@dataclass
class Heard:
    """What the clients did and were told."""

    asked: list[list[str]] = field(default_factory=lambda: [[] for _ in range(CLIENTS)])
    """Questions of each client, in the order in which it asked them."""
    acknowledged: list[list[str]] = field(default_factory=lambda: [[] for _ in range(CLIENTS)])
    """Those of them that an answer said are stored."""
    ends: Counter[str] = field(default_factory=Counter)
    """How many questions ended with each status, or with ``none``: no answer came."""
    states: Counter[str] = field(default_factory=Counter)
    """How many answers carried each value of X-History."""

    def total(self) -> int:
        """How many turns are acknowledged."""
        return sum(map(len, self.acknowledged))


@dataclass(frozen=True)
class Verdict:
    """What the final read says about what was heard."""

    acknowledged: int
    """Turns that a client was told are stored."""
    unheard: int
    """Turns that are stored although their client never heard so; each stands there once."""
    lost: tuple[str, ...]
    """Acknowledged turns that are not there."""
    doubled: tuple[str, ...]
    """Turns that are there more than once."""
    disordered: tuple[str, ...]
    """Turns that stand before an earlier turn of the same client."""
    foreign: tuple[str, ...]
    """Turns that nobody asked."""

    @property
    def holds(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.disordered or self.foreign)


def judge(heard: Heard, rooms: Sequence[Sequence[str]]) -> Verdict:
    """Compare what the clients were told with the questions of every room, in the order of their indexes."""
    stored = Counter(question for room in rooms for question in room)
    asked = {question for mine in heard.asked for question in mine}
    told = {question for mine in heard.acknowledged for question in mine}
    number = {question: place for mine in heard.asked for place, question in enumerate(mine)}
    client = {question: who for who, mine in enumerate(heard.asked) for question in mine}
    disordered = []
    for room in rooms:
        latest: dict[int, int] = {}
        for question in room:
            if question in asked:
                if number[question] < latest.get(client[question], -1):
                    disordered.append(question)
                latest[client[question]] = number[question]
    return Verdict(
        len(told),
        len(stored.keys() & asked - told),
        tuple(sorted(told - stored.keys())),
        tuple(sorted(question for question, count in stored.items() if count > 1)),
        tuple(disordered),
        tuple(sorted(stored.keys() - asked)),
    )


async def append_on(client: int, suite: NullSuite, heard: Heard, over: Callable[[], bool]) -> None:
    """Append one turn after another to the client's room until it is over."""
    user, room = room_of(client)
    async with httpx.AsyncClient(base_url=suite.address, timeout=CLIENT_SECONDS, trust_env=False) as http:
        while not over():
            question = f"2 {CANARY} {client}/{len(heard.asked[client])}"
            heard.asked[client].append(question)
            body = {"input_data": question, "user_id": user, "db_id": room}
            try:
                answer = await http.post("/office/Llama", json=body)
            except httpx.TransportError:
                heard.ends["none"] += 1
                await asyncio.sleep(0.05)
                continue
            heard.ends[str(answer.status_code)] += 1
            if answer.status_code == 200:
                heard.states[answer.headers["x-history"]] += 1
                heard.acknowledged[client].append(question)
            else:
                await asyncio.sleep(0.05)


async def read_back(suite: NullSuite) -> list[list[str]]:
    """The questions of every room, once the database has all of them and can be reached.

    Raises:
        AssertionError: the indexes of a room are not 1, 2, 3 …
    """
    rooms = []
    async with httpx.AsyncClient(base_url=suite.address, timeout=10, trust_env=False) as http:
        while suite.pending():
            await asyncio.sleep(0.1)
        for number in range(ROOMS):
            user, room = room_of(number)
            turns: list[tuple[int, str]] = []
            after: int | None = 0
            while after is not None:
                page = await http.get(f"/office/rooms/{room}", params={"user_id": user, "after": after})
                if page.status_code == 503:
                    await asyncio.sleep(0.1)
                    continue
                assert page.status_code == 200, page.text
                turns += [(turn["index"], turn["input_data"]) for turn in page.json()["turns"]]
                after = page.json()["next_after"]
            assert [index for index, _ in turns] == list(range(1, len(turns) + 1))
            rooms.append([question for _, question in turns])
    return rooms


@dataclass
class Checked:
    """One run of the checker."""

    verdict: Verdict
    """What the final read says."""
    heard: Heard
    """What the clients were told meanwhile."""
    faults: Counter[str]
    """How often each disturbance took place."""
    recoveries: list[float]
    """Seconds from the end of each disturbance to the next acknowledged turn."""
    log: str
    """All that the processes of the suite wrote."""


async def check(
    suite: NullSuite, disturbances: Sequence[Disturbance], *, acknowledged: int, seed: int, seconds: float
) -> Checked:
    """Append under disturbances, each in its turn, until so many turns are acknowledged; then read all.

    After ``seconds`` what was acknowledged until then is read all the same.

    Raises:
        TimeoutError: a client did not end, or the turns could not be read.
    """
    random, heard = Random(seed), Heard()
    faults: Counter[str] = Counter()
    recoveries: list[float] = []
    step = acknowledged // (len(disturbances) * max(1, acknowledged // 400) + 1)
    over = False
    last = time.monotonic() + seconds

    async def heard_until(count: int) -> None:
        while heard.total() < count and time.monotonic() < last:
            await asyncio.sleep(0.005)

    async with asyncio.timeout(seconds + 60), asyncio.TaskGroup() as group:
        for client in range(CLIENTS):
            group.create_task(append_on(client, suite, heard, lambda: over))
        while time.monotonic() < last and (heard.total() < acknowledged or len(faults) < len(disturbances)):
            disturbance = disturbances[faults.total() % len(disturbances)]
            await heard_until(heard.total() + step)
            await disturbance.run(random.uniform(0.1, 1.0))
            faults[disturbance.name] += 1
            ended, before = time.monotonic(), heard.total()
            await heard_until(before + 1)
            recoveries.append(time.monotonic() - ended)
        over = True
    async with asyncio.timeout(READ_SECONDS):
        # What is read comes from the disk: a process that remembers nothing reads it.
        await suite.kill()
        await suite.start()
        rooms = await read_back(suite)
    return Checked(judge(heard, rooms), heard, faults, recoveries, suite.log.read_text(errors="replace"))


@contextmanager
def null_suite(folder: Path, mongo_uri: str = "") -> Iterator[NullSuite]:
    """A suite over the null model that is not started yet, killed in the end; its files lie in ``folder``."""
    with held_ports(1) as (port,):
        suite = NullSuite(port, folder, [sys.executable, "-m", "bench.null_suite", str(port), str(folder)])
        if mongo_uri:
            suite.command.append(mongo_uri)
        try:
            yield suite
        finally:
            if suite.process is not None:
                suite.process.kill()
                suite.process.wait(10)


def describe(checked: Checked) -> str:
    """One line of figures."""
    verdict = checked.verdict
    faults = ", ".join(f"{count} × {name}" for name, count in checked.faults.items())
    ends = ", ".join(f"{count} × {status}" for status, count in sorted(checked.heard.ends.items()))
    return (
        f"{verdict.acknowledged} acknowledged, {len(verdict.lost)} lost, {len(verdict.doubled)} doubled, "
        f"{len(verdict.disordered)} out of order, {len(verdict.foreign)} foreign, {verdict.unheard} stored "
        f"unheard; faults: {faults}; answers: {ends}; next answer after "
        f"{max(checked.recoveries, default=0):.1f} s at most"
    )
