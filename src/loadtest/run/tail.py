"""Follows the part files of a run while they grow: live counts for the progress line and for the shape
`steps`.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.plan.stages import past_the_knee
from loadtest.record.files import PARTS
from loadtest.record.rows import COLUMNS

_STATUS_CELL = COLUMNS.index("status_code")
_SUCCESS_CELL = COLUMNS.index("success")


@dataclass(slots=True)
class Tail:
    """What the generators have recorded so far."""

    folder: Path
    """Of the run."""
    starts: int = 0
    """Attempts that began."""
    ends: int = 0
    """Attempts that ended."""
    answers: int = 0
    """Those of them with an answer."""
    statuses: Counter[str] = field(default_factory=Counter)
    """Ended attempts by their status code."""
    users: dict[str, int] = field(default_factory=dict)
    """Users of each part at its last beat."""
    finished_stages: list[float] = field(default_factory=list)
    """Answers a second of each stage that is over."""
    stage: str = ""
    """The one that goes on."""
    _offsets: dict[Path, int] = field(default_factory=dict)
    _stage_began: tuple[int, int] | None = None
    _leader: str = ""

    @property
    def in_flight(self) -> int:
        """Attempts without an end."""
        return self.starts - self.ends

    @property
    def user_count(self) -> int:
        """Users of all generators at their last beat."""
        return sum(self.users.values())

    @property
    def knee_passed(self) -> bool:
        """Whether the stages finished so far no longer repay more users."""
        return past_the_knee(self.finished_stages)

    def read(self) -> None:
        """Takes in the whole lines written since the last call."""
        for path in sorted(self.folder.glob(PARTS)):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                new = file.read()
            whole, _, _ = new.rpartition(b"\n")
            if whole:
                self._offsets[path] = self._offsets.get(path, 0) + len(whole) + 1
                self._take(path.name, whole.split(b"\n"))

    def _take(self, name: str, lines: list[bytes]) -> None:
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            match record.get("k"):
                case "start":
                    self.starts += 1
                case "end":
                    self.ends += 1
                    self.statuses[record["row"][_STATUS_CELL]] += 1
                    self.answers += record["row"][_SUCCESS_CELL] == "True"
                case "beat":
                    self.users[name] = record["users"]
                case "phase":
                    self._phase(name, record)

    def _phase(self, name: str, record: dict[str, object]) -> None:
        self._leader = self._leader or name
        if name != self._leader:
            return
        moment = int(str(record["t"]))
        if self._stage_began is not None:
            began, answers = self._stage_began
            self.finished_stages.append((self.answers - answers) * 1e6 / max(1, moment - began))
        self._stage_began = (moment, self.answers)
        self.stage = str(record["name"])
