"""Starts the real product, ``chatbot up`` with the packaged model, as its own process on free ports."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from tests.support.ports import held_ports

ROOT = Path(__file__).parents[2]
MODELS = ROOT / ".cache" / "models"
START_SECONDS = 90


@dataclass(slots=True)
class RunningSuite:
    """A started suite and its addresses."""

    process: subprocess.Popen[bytes]
    gateway: str
    office: str
    character: str
    log: Path
    states: list[str] = field(default_factory=list)
    """What /readyz said before it was ready, in order."""

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples with these labels, from the office service's page."""
        page = httpx.get(f"{self.office}/metrics").text
        return sum(
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def wait_idle(self, seconds: float) -> None:
        """Return when no question is under way; fail after so many seconds."""
        deadline = time.monotonic() + seconds
        while self.metric("chatbot_active_requests"):
            assert time.monotonic() < deadline, "questions are still under way"
            time.sleep(0.05)

    def end(self, number: int, seconds: float) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


@contextmanager
def running_suite(folder: Path, **settings: str) -> Iterator[RunningSuite]:
    """``chatbot up`` with its data in ``folder``, ready to answer; killed on leaving if it still runs."""
    with held_ports(3) as ports:
        log = folder / "suite.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [Path(sys.executable).with_name("chatbot"), "up"],
                env=_environment(ports, folder) | settings,
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        gateway, office, character = (f"http://127.0.0.1:{port}" for port in ports)
        suite = RunningSuite(process, gateway, office, character, log)
        try:
            _wait_ready(suite)
            yield suite
        finally:
            process.kill()
            process.wait()


def environment_without_settings() -> dict[str, str]:
    """This process's environment, less what would set up a suite."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CHATBOT_")}


def _environment(ports: list[int], folder: Path) -> dict[str, str]:
    return environment_without_settings() | {
        "CHATBOT_PORT": str(ports[0]),
        "CHATBOT_OFFICE__PORT": str(ports[1]),
        "CHATBOT_CHARACTER__PORT": str(ports[2]),
        "CHATBOT_DATA_DIR": str(folder),
        "CHATBOT_MODELS_DIR": str(MODELS),
        "CHATBOT_SEARCH__WIKIPEDIA": "false",
        "CHATBOT_LOG_FORMAT": "json",
    }


def _wait_ready(suite: RunningSuite) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            answer = httpx.get(f"{suite.office}/readyz")
            if answer.status_code == 200:
                return
            suite.states.append(answer.json()["state"])
        except httpx.TransportError:
            pass
        running = suite.process.poll() is None and time.monotonic() < deadline
        assert running, f"the suite did not start:\n{suite.log.read_text()[-4000:]}"
        time.sleep(0.1)
