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

from loadtest import clock
from loadtest.merge import PARTS, place
from loadtest.plan import total_seconds
from loadtest.request import Request

GO = "go"
# Exit code of a generator whose records could not be written (EX_IOERR).
CANNOT_RECORD = 74
# Beyond the client's own time-out: the last attempt may begin just before the end.
DRAIN_MARGIN_SECONDS = 20.0
# Each looks for it once a second.
_START_TOGETHER_SECONDS = 2.0
_LATE_SECONDS = 60.0
_SCENARIOS = Path(__file__).parent / "scenarios"


class Generators:
    """The processes of one run."""

    def __init__(self, request: Request) -> None:
        self._request = request
        drain = request.client_timeout + DRAIN_MARGIN_SECONDS
        self._latest = time.monotonic() + (total_seconds(request.plan()) or 0) + drain + _LATE_SECONDS
        self._released = request.processes == 1
        self._log = (request.folder / "locust.log").open("ab")
        self._processes = [
            subprocess.Popen(  # noqa: S603 - our own interpreter and our own files
                self._command(share, drain),
                stdout=self._log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "LOADTEST_API_KEY": request.api_key},  # noqa: TID251 - handed on, not read
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

    def _command(self, share: int, drain: float) -> list[str]:
        request = self._request
        name = "suite" if request.service == "both" else request.service
        flags = {
            "host": request.target,
            "users": request.users,
            "spawn-rate": request.spawn_rate,
            "stage-seconds": request.seconds,
            "stop-timeout": round(drain),
            "shape": request.shape,
            "arrival-rate": request.rate,
            "steps": ",".join(map(str, request.steps)),
            "factor": request.factor,
            "stream-share": request.stream_share,
            "search-share": request.search_share,
            "turns": request.turns,
            "client-timeout": request.client_timeout,
            "seed": request.seed,
            "run-dir": request.folder,
            "parent-pid": os.getpid(),
            "share": f"{share}/{request.processes}",
        }
        command = [
            sys.executable,
            "-m",
            "locust",
            "-f",
            str(_SCENARIOS / f"test_{name}_load.py"),
            "--headless",
        ]
        command += ["--only-summary", "--exit-code-on-error", "0"]
        return command + [f"--{flag}={value}" for flag, value in flags.items()]
