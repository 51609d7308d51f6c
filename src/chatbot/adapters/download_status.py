"""What a download says of itself beside the file that it fetches.

A pod that waits for a model has no token to ask Kubernetes what became of the download's Job. Both see the
models volume, so the download keeps a small file there, and the waiting pod repeats what it says. A download
that is killed writes nothing more: that it lives is told by the file's time, which it renews.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

_SIGN_SECONDS = 10.0
"""How often a running download renews the time of its status."""

_QUIET_SECONDS = 120.0
"""A download without a sign for so long is gone; a network share may show a new time a minute later."""

_FORMER_SECONDS = 60.0
"""How long a failed download, found by who begins to wait, is taken for a former one that another follows."""


class DownloadStatus(BaseModel):
    """One try: of which run (a Job), which of how many, and how it failed; no error while it runs."""

    run: str
    tried: int = Field(ge=1)
    tries: int = Field(ge=1)
    error: str = ""

    @property
    def given_up(self) -> bool:
        """Whether the last try has failed."""
        return bool(self.error) and self.tried >= self.tries


class StatusFile:
    """The status of one model file's download."""

    def __init__(self, folder: Path, name: str) -> None:
        """``folder`` holds the ``.part`` files of the model file ``name``."""
        self._path = folder / f"{name}.status.json"
        self._parts = f"{name}.*.part"

    def begin(self, run: str, tries: int) -> None:
        """Another try begins; tries are counted for each run anew."""
        before = self.read()
        tried = before.tried + 1 if before is not None and before.run == run else 1
        self._write(DownloadStatus(run=run, tried=tried, tries=max(tries, tried)))

    def fail(self, run: str, error: str) -> None:
        """The try that began has failed; a status of another run is not this one's to change."""
        status = self.read()
        if status is not None and status.run == run:
            self._write(status.model_copy(update={"error": error}))

    def clear(self) -> None:
        """The file is in place: nobody needs the status any more."""
        self._path.unlink(missing_ok=True)

    def read(self) -> DownloadStatus | None:
        """The status; None where no download has begun, or the file is none of ours."""
        try:
            return DownloadStatus.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return None

    def tell(self) -> str:
        """One sentence about how the download stands."""
        status = self.read()
        if status is None:
            return "no download of it has begun"
        seconds = self._seconds_since_a_sign()
        if status.given_up:
            return (
                f"a former download failed {status.tried} times, at last with: {status.error}; "
                "waiting for another one to begin"
            )
        if status.error:
            return (
                f"try {status.tried} of {status.tries} failed {seconds:.0f} s ago: {status.error}; "
                "the next one begins by itself, within minutes"
            )
        if seconds > _QUIET_SECONDS:
            return (
                f"no sign of its download for {seconds:.0f} s: its pod is gone (kubectl get jobs,pods); "
                "where a try is left, it begins by itself"
            )
        return ""

    def renew(self) -> None:
        """Tell who waits that the download lives."""
        with suppress(OSError):
            os.utime(self._path)

    def last_sign(self) -> float | None:
        """When the download wrote last, by the clock of its volume; None where it wrote nothing."""
        signs = []
        for path in (self._path, *self._path.parent.glob(self._parts)):
            with suppress(OSError):
                signs.append(path.stat().st_mtime)
        return max(signs, default=None)

    def _seconds_since_a_sign(self) -> float:
        sign = self.last_sign()
        return 0.0 if sign is None else max(0.0, time.time() - sign)

    def _write(self, status: DownloadStatus) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(status.model_dump_json(), encoding="utf-8")
        fresh.replace(self._path)


class DownloadWatch:
    """What one who waits for a file concludes from its status, look by look, by a clock of its own."""

    def __init__(self, status: StatusFile, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` counts seconds; those of the volume's server and of this machine may differ."""
        self._file = status
        self._clock = clock
        self._found = status.read()
        self._seen = (self._found, status.last_sign())
        self._since = clock()

    def in_vain(self) -> str:
        """Why the file does not come; empty while it may.

        That is when the last try failed or was killed. A failure that was there before is believed later: it
        stays on the volume until the next download begins, which may follow the one who waits.
        """
        status = self._file.read()
        seen = (status, self._file.last_sign())
        if seen != self._seen:
            self._seen, self._since = seen, self._clock()
        if status is None or status.tried < status.tries:
            return ""
        quiet = self._clock() - self._since
        if status.given_up:
            if status == self._found and quiet < _FORMER_SECONDS:
                return ""
            return f"its download failed {status.tried} times, at last with: {status.error}"
        if quiet < _QUIET_SECONDS:
            return ""
        return (
            f"its download gives no sign, and that was try {status.tried} of {status.tries}: it was killed, "
            "for want of memory or with its node"
        )


@contextmanager
def renewing(statuses: Mapping[str, StatusFile], seconds: float = _SIGN_SECONDS) -> Iterator[None]:
    """Renew the statuses every so many seconds; the mapping may shrink meanwhile."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(seconds):
            for status in tuple(statuses.values()):
                status.renew()

    thread = threading.Thread(target=renew, name="download-signs", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
