"""What was asked of `loadtest run`: one frozen value, checked before anything starts, stored as run.json."""

import os
import platform
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Self

from loadtest.plan import kinds
from loadtest.plan.flags import Flag, WrongUsageError, declared, from_texts
from loadtest.plan.goals import Goal
from loadtest.plan.load import JUDGING, LOAD, RESULTS, TARGET, LoadPlan

DEFAULT_GOOD_SECONDS = 30.0
DEFAULT_LAG_SECONDS = 0.5
# The run's name is run.json's `id`; where its folder lies is nobody's business who reads it.
_NOT_STORED = {"results", "run_id"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest(LoadPlan):
    """A load, and how its run is prepared, judged and kept."""

    wait: Annotated[
        float,
        Flag(
            "How long to wait for the target and its models.", kinds.duration(), TARGET, env="LOADTEST_WAIT"
        ),
    ] = 10.0
    counters: Annotated[
        tuple[str, ...],
        Flag(
            "Own address of a service, for its counters; every pod must be behind one; may repeat.",
            kinds.address(),
            TARGET,
            env="LOADTEST_COUNTERS",
            many=True,
        ),
    ] = ()
    processes: Annotated[int, Flag("Generator processes.", kinds.whole(least=1), LOAD)] = 1
    keep_rooms: Annotated[bool, Flag("Leave the simulated users' rooms in the history.", None, LOAD)] = False
    goals: Annotated[
        tuple[Goal, ...],
        Flag(
            "Goal like success>=99, p95<=30 or within:30>=95; may repeat; a wrong one lists all measures.",
            kinds.goal(),
            JUDGING,
            names=("--slo",),
            env="LOADTEST_SLO",
            many=True,
        ),
    ] = ()
    prove: Annotated[
        bool, Flag("Goals about shares must hold with their whole 95 % interval.", None, JUDGING)
    ] = False
    good_within: Annotated[
        float, Flag("Seconds within which an answer counts as good.", kinds.positive(), JUDGING)
    ] = DEFAULT_GOOD_SECONDS
    max_lag: Annotated[
        float,
        Flag("Seconds that a generator may be late and still be believed.", kinds.positive(), JUDGING),
    ] = DEFAULT_LAG_SECONDS
    run_id: Annotated[
        str,
        Flag(
            "Name of the run, new in that folder; default: the time and the service.",
            kinds.run_id(),
            RESULTS,
            env="LOADTEST_RUN_ID",
        ),
    ] = ""
    content: Annotated[
        str,
        Flag(
            "Hash of what is run: a finished run of this name and hash is not run again, and ends as it did.",
            kinds.run_id(),
            RESULTS,
        ),
    ] = ""
    notes: Annotated[
        tuple[tuple[str, str], ...],
        Flag(
            "KEY=VALUE kept with the run: card, build, model file; may repeat.",
            kinds.note(),
            RESULTS,
            names=("--note",),
            many=True,
        ),
    ] = ()

    @classmethod
    def read(cls, texts: Mapping[str, Any]) -> Self:
        """Reads the texts of the flags, by field. A run without a name gets one.

        Raises WrongUsageError.
        """
        request = from_texts(cls, texts)
        return replace(request, run_id=request.run_id or _new_run_id(request.service))

    def check_new(self) -> None:
        """Raises WrongUsageError where the run's folder exists."""
        if self.folder.exists():
            raise WrongUsageError(f"{self.folder} exists; two runs never share a folder")

    @property
    def folder(self) -> Path:
        """Where this run's files go."""
        return self.results / self.run_id

    def identity(self) -> dict[str, Any]:
        """run.json: enough to know what was measured and to measure it again."""
        asked = {
            one.field: one.store(getattr(self, one.field))
            for one in declared(type(self))
            if not one.flag.secret and one.field not in _NOT_STORED
        }
        return {
            "id": self.run_id,
            "started": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            **asked,
            "notes": dict(self.notes),
            "stages": [
                {"name": stage.name, "seconds": stage.seconds, "level": stage.level}
                for stage in self.stages()
            ],
            "generator": {
                "host": socket.gethostname(),
                "cpus": len(os.sched_getaffinity(0)),
                "system": platform.platform(),
                "python": platform.python_version(),
                "locust": version("locust"),
                "suite": version("chatbot-suite"),
            },
        }


def _new_run_id(services: tuple[str, ...]) -> str:
    """A name for a run: when it began, and on what."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{'-'.join(services) or 'all'}"[:64]
