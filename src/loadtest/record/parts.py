"""Reads one part file as the recorder left it, torn last line and all, and says what is wrong with it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.record.reading import read_cells
from loadtest.record.rows import Attempt


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished attempt."""

    attempt_id: str
    """Its id, which was also the request's."""
    question_id: str
    """The question that it belongs to."""
    start_us: int
    """Its start, microseconds since 1970; the row's own is cut to milliseconds, as its cell is."""
    attempt: Attempt
    """Its row."""
    extras: dict[str, Any]
    """What has no column."""


@dataclass(slots=True)
class PartFile:
    """What one process recorded."""

    name: str
    """Of the file."""
    role: str = "unknown"
    """`worker` sends requests, `master` only steers."""
    started: int = 0
    """Attempts that began."""
    opened: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Records of starts that no end followed, by attempt."""
    ended: list[Ended] = field(default_factory=list)
    """Finished attempts, in the order of their ends."""
    beats: list[dict[str, Any]] = field(default_factory=list)
    """Records of the process's own health."""
    phases: list[dict[str, Any]] = field(default_factory=list)
    """Records of the stages that it entered."""
    troubles: list[str] = field(default_factory=list)
    """Sentences that make the run unfit to be judged."""
    gave_up: int = 0
    """Questions whose announced retry was never sent, since the run was over."""
    drift_us: list[int] = field(default_factory=list)
    """How far the clock of the rows was ahead of the system's, microseconds, again and again."""
    bye: dict[str, Any] | None = None
    """The last record of a process that left in order."""
    torn: int = 0
    """Lines that cannot be read."""
    gaps: int = 0
    """Records whose number is missing."""
    orphans: int = 0
    """Ends without a start."""


@dataclass(slots=True)
class RecordedRun:
    """All parts of a run together."""

    parts: list[PartFile]
    """One for each process."""
    ended: list[Ended]
    """Finished attempts, by their start."""
    opened: list[dict[str, Any]]
    """Records of starts without an end, by their start."""
    doubled: int
    """Attempts that ended in more than one part."""

    @property
    def attempts(self) -> list[Attempt]:
        """The rows, in the order of results.csv."""
        return [item.attempt for item in self.ended]


def read_part(path: Path) -> PartFile:
    """Reads a part file; never fails over its content."""
    part = PartFile(path.name)
    expected = 0
    with path.open("rb") as lines:
        for line in lines:
            if line == b"\n":
                continue
            try:
                record = json.loads(line)
                number, kind = record["n"], record["k"]
                part.gaps += max(0, number - expected)
                _take(part, kind, record)
            except (ValueError, KeyError, TypeError):
                part.torn += 1
                continue
            expected = number + 1
    return part


def _take(part: PartFile, kind: str, record: dict[str, Any]) -> None:
    if "c" in record:
        part.drift_us.append(record["c"] - record["t"] // 1000)
    match kind:
        case "start":
            part.started += 1
            part.opened[record["id"]] = record
        case "end":
            opening = part.opened.pop(record["id"], None)
            part.orphans += opening is None
            question = opening["q"] if opening else record["id"].rpartition("-")[0]
            attempt = read_cells(record["row"])
            part.ended.append(Ended(record["id"], question, record["start_us"], attempt, record["x"]))
        case "beat":
            part.beats.append(record)
        case "phase":
            part.phases.append(record)
        case "trouble":
            part.troubles.append(record["what"])
        case "gave_up":
            part.gave_up += 1
        case "hello":
            part.role = record["role"]
        case "bye":
            part.bye = record
        case _:
            raise ValueError(kind)
