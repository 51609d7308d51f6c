"""Writes what the generator does, so that a SIGKILL at any moment loses nothing.

Every process appends to one file of its own, one JSON record a line, each by a single `os.write`: a
greenlet cannot interleave inside it, and what was written survives the process. The start of an attempt is
on record before its request is sent; so after a kill every request that a server ever saw has either its
end (a row) or an open start. A kill in the middle of a write can tear the last line only, and that one was
never acted upon.

Records carry a running number, so a missing line shows. They hold no chat text.
"""

import json
import os
import secrets
import socket
import time
from pathlib import Path
from typing import Any

from loadtest.record import clock
from loadtest.record.rows import Attempt

FORMAT = 1


class RecorderBrokenError(RuntimeError):
    """A record could not be written whole (disk full, volume gone): the run can no longer prove itself."""


class Recorder:
    """One part file of a run.

    `folder` must exist. `role` is "worker" for a process that sends requests, "master" for one that only
    steers.
    """

    def __init__(self, folder: Path, role: str = "worker") -> None:
        self.token = secrets.token_hex(4)
        self.path = folder / f"part-{socket.gethostname()[:40]}-{os.getpid()}-{self.token}.jsonl"
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o644)
        self._number = 0
        self._torn = False
        self._questions = 0
        self._in_flight = 0
        self._area = 0.0
        self._changed = time.perf_counter()
        self.starts = 0
        self.ends = 0
        self._write(
            "hello", format=FORMAT, role=role, pid=os.getpid(), host=socket.gethostname(), **_moment()
        )

    @property
    def in_flight(self) -> int:
        """Attempts that were sent and have not ended."""
        return self._in_flight

    def next_question(self) -> str:
        """A new question's id, unique over all processes and fit for a request id header."""
        self._questions += 1
        return f"lt-{self.token}-{self._questions:06d}"

    def start(self, attempt_id: str, question_id: str, start_us: int, opening: dict[str, Any]) -> None:
        """Records that a request is about to be sent. `opening`: what is known of it already."""
        self._write("start", id=attempt_id, q=question_id, start_us=start_us, **opening)
        self.starts += 1
        self._count(+1)

    def end(self, attempt_id: str, start_us: int, attempt: Attempt, extras: dict[str, Any]) -> None:
        """Records the finished attempt: its row and what has no column."""
        self._count(-1)
        self.ends += 1
        self._write("end", id=attempt_id, start_us=start_us, row=attempt.cells(), x=extras)

    def gave_up(self, question_id: str) -> None:
        """Records that no further attempt follows although the last row announced one: the run is over."""
        self._write("gave_up", q=question_id)

    def phase(self, name: str, level: float, seconds: float | None, began_us: int) -> None:
        """Records that the shape entered a phase with this many users (or arrivals a second), for how long it
        was planned, and when it began.
        """
        self._write("phase", name=name, level=level, seconds=seconds, t=began_us)

    def trouble(self, what: str) -> None:
        """Records something that makes the run unfit to be judged."""
        self._write("trouble", what=what, **_moment())

    def beat(self, *, cpu_percent: float, lag: float, users: int) -> None:
        """Records the generator's own health, once a second: CPU of this process and lateness of its loop,
        in s.
        """
        self._write(
            "beat",
            **_moment(),
            cpu=round(cpu_percent, 1),
            lag=round(lag, 4),
            users=users,
            open=self._in_flight,
        )

    def close(self) -> None:
        """Says goodbye: a part without this line belongs to a process that died."""
        self._count(0)
        self._write("bye", starts=self.starts, ends=self.ends, area=round(self._area, 6), **_moment())
        os.fsync(self._fd)
        os.close(self._fd)

    def sync(self) -> None:
        """Brings what was written to the disk; for a thread, as it may take long."""
        os.fsync(self._fd)

    def _count(self, change: int) -> None:
        """Keeps the time integral of attempts in flight, by the monotonic clock: the witness of Little's
        law.
        """
        now = time.perf_counter()
        self._area += self._in_flight * (now - self._changed)
        self._changed = now
        self._in_flight += change

    def _write(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"n": self._number, "k": kind, **fields}, separators=(",", ":")).encode() + b"\n"
        # A full disk may take half a record and later, when there is room again, the next one whole.
        line = b"\n" + line if self._torn else line
        self._number += 1
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise RecorderBrokenError(f"{self.path.name}: {error.strerror}") from error
        self._torn = written != len(line)
        if self._torn:
            raise RecorderBrokenError(f"{self.path.name}: wrote {written} of {len(line)} bytes, disk full?")


def _moment() -> dict[str, int]:
    """Now by the system's clock (`t`, nanoseconds) and by the one that stamps rows (`c`, microseconds).

    If the two part, the system's clock was set while the run went, or the machine slept.
    """
    return {"t": time.time_ns(), "c": clock.now_us()}
