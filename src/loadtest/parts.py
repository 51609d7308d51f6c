"""Reads one part file as the recorder left it, torn last line and all, and says what is wrong with it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtest.reading import read_cells
from loadtest.rows import Attempt


@dataclass(frozen=True, slots=True)
class Ended:
    """A finished attempt: its row and the extras that have no column.

    `start_us` is the start to the microsecond; the row's own is cut to milliseconds, as its cell is.
    """

    attempt_id: str
    question_id: str
    start_us: int
    attempt: Attempt
    extras: dict[str, Any]


@dataclass(slots=True)
class Part:
    """What one process recorded. `opened`: starts that no end followed; `torn`: unreadable lines; `gaps`:
    records whose number is missing; `drift_us`: by how much the clock of the rows was ahead of the
    system's, again and again.
    """

    name: str
    role: str = "unknown"
    started: int = 0
    opened: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: list[Ended] = field(default_factory=list)
    beats: list[dict[str, Any]] = field(default_factory=list)
    phases: list[dict[str, Any]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    gave_up: int = 0
    drift_us: list[int] = field(default_factory=list)
    bye: dict[str, Any] | None = None
    torn: int = 0
    gaps: int = 0
    orphans: int = 0


@dataclass(slots=True)
class Run:
    """All parts of a run together: finished attempts by start, and starts without an end."""

    parts: list[Part]
    ended: list[Ended]
    opened: list[dict[str, Any]]
    doubled: int

    @property
    def attempts(self) -> list[Attempt]:
        """The rows, in the order of results.csv."""
        return [item.attempt for item in self.ended]


def read_part(path: Path) -> Part:
    """Reads a part file; never fails over its content."""
    part = Part(path.name)
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


def _take(part: Part, kind: str, record: dict[str, Any]) -> None:
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
