"""Starts the generator processes of a run, watches over them and ends them: each is a headless locust of
its own.

They share nothing but the run folder and the moment of their start, so none can take another's records with
it.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from loadtest.plan.agreement import DRAIN_MARGIN_SECONDS, GO
from loadtest.plan.flags import declared
from loadtest.plan.load import LoadPlan
from loadtest.plan.request import RunRequest
from loadtest.plan.stages import total_seconds
from loadtest.record import clock
from loadtest.record.files import PARTS, place

# Each looks for it once a second.
_START_TOGETHER_SECONDS = 2.0
_LATE_SECONDS = 60.0
_LOCUSTFILE = Path(__file__).parents[1] / "generator" / "locustfile.py"


class GeneratorProcesses:
    """The processes of one run."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        drain = request.client_timeout + DRAIN_MARGIN_SECONDS
        self._latest = time.monotonic() + (total_seconds(request.stages()) or 0) + drain + _LATE_SECONDS
        self._released = request.processes == 1
        self._log = (request.folder / "locust.log").open("ab")
        self._processes = [
            subprocess.Popen(  # noqa: S603 - our own interpreter and our own files
                command(request, share),
                stdout=self._log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **_secrets(request)},  # noqa: TID251 - handed on, not read
                start_new_session=True,
            )
            for share in range(request.processes)
        ]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._processes)

    @property
    def running(self) -> bool:
        """Whether any is still at work; one that overstays is killed."""
        if time.monotonic() > self._latest:
            self.kill()
        return any(process.poll() is None for process in self._processes)

    def release(self) -> None:
        """Lets several generators begin once all are ready; if one died before, none begins."""
        if self._released:
            return
        if any(process.poll() is not None for process in self._processes):
            self.stop()
            self._released = True
        elif len(list(self._request.folder.glob(PARTS))) == self.count:
            begin = clock.now_us() + int(_START_TOGETHER_SECONDS * 1e6)
            place(self._request.folder / GO, str(begin).encode())
            self._released = True

    @property
    def exit_codes(self) -> list[int]:
        """Their exit codes; a signal's number negative."""
        return [process.wait() for process in self._processes]

    def stop(self) -> None:
        """Asks all to finish what they have begun and to leave."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends all at once, with whatever they started."""
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def close(self) -> None:
        """Leaves nothing running, no file open and no signal to begin."""
        self.kill()
        (self._request.folder / GO).unlink(missing_ok=True)
        self._log.close()


def command(request: RunRequest, share: int) -> list[str]:
    """The command line of one generator. `share`: its number among the run's processes, from 0."""
    own = {
        "--stop-timeout": str(round(request.client_timeout + DRAIN_MARGIN_SECONDS)),
        "--run-dir": str(request.folder),
        "--parent-pid": str(os.getpid()),
        "--share": f"{share}/{request.processes}",
    }
    load = {
        one.names[-1]: one.write(getattr(request, one.field))
        for one in declared(LoadPlan)
        if not one.flag.secret
    }
    return [
        *(sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE)),
        *("--headless", "--only-summary", "--exit-code-on-error", "0"),
        *(f"{flag}={value}" for flag, value in {**load, **own}.items()),
    ]


def _secrets(request: RunRequest) -> dict[str, str]:
    """What no list of processes may show."""
    return {
        one.flag.env: one.write(getattr(request, one.field)) for one in declared(LoadPlan) if one.flag.secret
    }
