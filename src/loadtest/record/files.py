"""Names of the files that hold a run's records, and how any file of a run is put in its place.

Each file is written beside its name, brought to the disk and renamed, so no reader ever sees half of one.
"""

import os
from contextlib import suppress
from pathlib import Path

RESULTS = "results.csv"
SIDECAR = "attempts.jsonl"
PARTS = "part-*.jsonl"


def place(path: Path, content: bytes) -> None:
    """Puts a file in place whole or not at all, also through a power cut. Raises OSError."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
