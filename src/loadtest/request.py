"""What was asked of `loadtest run`: one frozen value, checked before anything starts, and stored as
run.json.
"""

import os
import platform
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

from loadtest.plan import ShapeName, Stage, stages
from loadtest.slo import Goal

ServiceChoice = Literal["character", "office", "both"]
SERVICES: tuple[ServiceChoice, ...] = get_args(ServiceChoice)
DEFAULT_GOOD_SECONDS = 30.0
DEFAULT_LAG = 0.5
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class WrongUsageError(ValueError):
    """The request makes no sense; the message is for the person who typed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A run as it was asked for. Times in seconds; `seconds` of the whole run, or of each stage."""

    target: str
    service: ServiceChoice
    shape: ShapeName
    users: int
    spawn_rate: float
    seconds: float
    rate: float
    steps: tuple[int, ...]
    factor: int
    stream_share: float
    search_share: float
    turns: int
    processes: int
    seed: int
    client_timeout: float
    most_lag: float
    wait_seconds: float
    goals: tuple[Goal, ...]
    good_seconds: float
    prove: bool
    counters: tuple[str, ...]
    results: Path
    run_id: str
    keep_rooms: bool
    notes: tuple[tuple[str, str], ...] = ()
    api_key: str = ""

    @property
    def folder(self) -> Path:
        """Where this run's files go."""
        return self.results / self.run_id

    @property
    def services(self) -> tuple[str, ...]:
        """The services under load."""
        return ("character", "office") if self.service == "both" else (self.service,)

    def plan(self) -> list[Stage]:
        """The stages of the run."""
        return stages(
            self.shape,
            seconds=self.seconds,
            users=self.users,
            rate=self.rate,
            steps=self.steps,
            factor=self.factor,
        )

    def check(self) -> None:
        """Raises WrongUsageError."""
        if not self.target.startswith(("http://", "https://")):
            raise WrongUsageError(f"the target is an address like http://127.0.0.1:8001, not {self.target!r}")
        if not _RUN_ID.fullmatch(self.run_id):
            raise WrongUsageError(f"a run id is letters, digits, '.', '_' and '-', not {self.run_id!r}")
        if self.folder.exists():
            raise WrongUsageError(f"{self.folder} exists; two runs never share a folder")
        for name, share in (("stream-share", self.stream_share), ("search-share", self.search_share)):
            if not 0 <= share <= 1:
                raise WrongUsageError(f"--{name} is a number from 0 to 1")
        if (
            min(self.processes, self.turns) < 1
            or min(self.spawn_rate, self.client_timeout, self.good_seconds, self.most_lag) <= 0
        ):
            raise WrongUsageError("processes and turns are at least 1; spawn rate and times are above 0")
        try:
            self.plan()
        except ValueError as error:
            raise WrongUsageError(str(error)) from error

    def identity(self) -> dict[str, Any]:
        """run.json: enough to know what was measured and to measure it again."""
        return {
            "id": self.run_id,
            "started": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "target": self.target,
            "service": self.service,
            "shape": self.shape,
            "stages": [
                {"name": stage.name, "seconds": stage.seconds, "level": stage.level} for stage in self.plan()
            ],
            "users": self.users,
            "rate": self.rate,
            "spawn_rate": self.spawn_rate,
            "stream_share": self.stream_share,
            "search_share": self.search_share,
            "turns": self.turns,
            "processes": self.processes,
            "seed": self.seed,
            "client_timeout": self.client_timeout,
            "max_lag": self.most_lag,
            "good_within": self.good_seconds,
            "goals": [str(goal) for goal in self.goals],
            "prove": self.prove,
            "notes": dict(self.notes),
            "generator": {
                "host": socket.gethostname(),
                "cpus": len(os.sched_getaffinity(0)),
                "system": platform.platform(),
                "python": platform.python_version(),
                "locust": version("locust"),
                "suite": version("chatbot-suite"),
            },
        }


def parse_note(text: str) -> tuple[str, str]:
    """Reads KEY=VALUE. Raises WrongUsageError."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise WrongUsageError(f"a note is KEY=VALUE, not {text!r}")
    return key.strip(), value.strip()


def new_run_id(service: str) -> str:
    """A name for a run: when it began, and on what."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{service}"
