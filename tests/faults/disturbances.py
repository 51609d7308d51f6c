"""What the history checker does to a suite and its database, and undoes again."""

import asyncio
import resource
import signal
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.history.servers import MongoServer
from tests.system.running_suite import ROOT, environment_without_settings

START_SECONDS = 60.0


@dataclass
class NullSuite:
    """The application as a process that can be killed and started again on the same files."""

    port: int
    """Where it listens on 127.0.0.1."""
    folder: Path
    """Its data and its log."""
    command: list[str]
    """What starts it."""
    process: subprocess.Popen[bytes] | None = field(default=None)
    """Its present life, or its last."""

    @property
    def address(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """Where all its lives write."""
        return self.folder / "suite.log"

    async def start(self) -> None:
        """Return when it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=environment_without_settings(), stdout=log, stderr=log
            )
        async with asyncio.timeout(START_SECONDS), httpx.AsyncClient(trust_env=False) as http:
            while True:
                assert self.process.poll() is None, self.log.read_text()[-2000:]
                try:
                    if (await http.get(f"{self.address}/healthz")).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        await asyncio.to_thread(self.process.wait)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def fill_disk(self, *, full: bool) -> None:
        """Let every write of the process to a file fail, as on a full disk, or none."""
        assert self.process is not None
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (0 if full else hard, hard))

    def pending(self) -> float:
        """Turns that wait for the database."""
        page = httpx.get(f"{self.address}/metrics", trust_env=False).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == "chatbot_history_pending_turns"
        )


@dataclass(frozen=True)
class Disturbance:
    """Something that goes wrong for a while."""

    name: str
    """What tables call it."""
    run: Callable[[float], Awaitable[None]]
    """Does it, lasts so many seconds, and has undone it on return."""


def of_suite(suite: NullSuite) -> list[Disturbance]:
    """What can happen to the application and its disk."""

    async def kill(seconds: float) -> None:
        await suite.kill()
        await asyncio.sleep(seconds / 5)
        await suite.start()

    async def freeze(seconds: float) -> None:
        suite.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        suite.signal(signal.SIGCONT)

    async def full_disk(seconds: float) -> None:
        suite.fill_disk(full=True)
        await asyncio.sleep(seconds)
        suite.fill_disk(full=False)

    return [
        Disturbance("suite killed", kill),
        Disturbance("suite frozen", freeze),
        Disturbance("disk full", full_disk),
    ]


def of_database(suite: NullSuite, mongo: MongoServer) -> list[Disturbance]:
    """What can happen to the database, alone and together with the application."""

    async def kill(seconds: float) -> None:
        mongo.kill()
        await asyncio.sleep(seconds)
        await asyncio.to_thread(mongo.start)

    async def freeze(seconds: float) -> None:
        mongo.freeze()
        await asyncio.sleep(seconds)
        mongo.thaw()

    async def kill_both(seconds: float) -> None:
        mongo.kill()
        await asyncio.sleep(seconds)
        await suite.kill()
        await suite.start()
        await asyncio.sleep(seconds)
        await asyncio.to_thread(mongo.start)

    async def kill_and_fill(seconds: float) -> None:
        mongo.kill()
        suite.fill_disk(full=True)
        await asyncio.sleep(seconds)
        suite.fill_disk(full=False)
        await asyncio.to_thread(mongo.start)

    return [
        Disturbance("database killed", kill),
        Disturbance("database frozen", freeze),
        Disturbance("both killed", kill_both),
        Disturbance("database killed, disk full", kill_and_fill),
    ]
