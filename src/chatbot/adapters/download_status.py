"""What a download says of itself beside the file that it fetches.

A pod that waits for a model has no token to ask Kubernetes what became of the download's Job. Both see the
models volume, so the download keeps a small file there, and the waiting pod repeats what it says.
"""

import time
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

_QUIET_SECONDS = 120.0
"""A running download writes more often than this, but for the time in which it hashes a large file."""


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
        if status.error:
            return (
                f"try {status.tried} of {status.tries} failed {seconds:.0f} s ago: {status.error}; "
                "the next one begins by itself, within minutes"
            )
        if seconds > _QUIET_SECONDS:
            return (
                f"no sign of its download for {seconds:.0f} s: it checks a large file, or its pod is gone "
                "(kubectl get jobs,pods)"
            )
        return ""

    def _seconds_since_a_sign(self) -> float:
        signs = []
        for path in (self._path, *self._path.parent.glob(self._parts)):
            try:
                signs.append(path.stat().st_mtime)
            except OSError:
                continue
        return max(0.0, time.time() - max(signs)) if signs else 0.0

    def _write(self, status: DownloadStatus) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(status.model_dump_json(), encoding="utf-8")
        fresh.replace(self._path)
