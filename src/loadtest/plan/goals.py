"""Goals of a run as people write them: `success>=99`, `p95<=30`, `within:30>=95`."""

import math
import re
from dataclasses import dataclass

SHARES = ("success", "refused", "promises_kept")
NUMBERS = ("throughput", "server_errors", "retry_after_error", "drift", "overload_kept", "recovery")
TIMES = ("attempt", "perceived", "server", "first_token", "refusal", "intended")
SUMMARIES = ("mean", "max", "p50", "p90", "p95", "p99")
USUAL_TIME = "perceived"
"""The time that a goal means when it names none."""
_GOAL = re.compile(r"\s*([a-z_0-9:.]+?)\s*(<=|>=|<|>)\s*(-?\d+(?:\.\d+)?)\s*", re.ASCII)
_WITHIN = re.compile(r"within:(\d+(?:\.\d+)?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: a measure compared with a limit."""

    metric: str
    """The measure as it was written, like `p95`, `server.max`, `success` or `within:30`."""
    sign: str
    """One of `<=`, `>=`, `<` and `>`."""
    limit: float
    """In the measure's own unit: percent of shares, seconds of times, or a count."""

    def __str__(self) -> str:
        return f"{self.metric}{self.sign}{self.limit:g}"

    @property
    def within(self) -> float | None:
        """The seconds of a goal about answers within a time, else None."""
        found = _WITHIN.fullmatch(self.metric)
        return float(found[1]) if found else None

    @property
    def time(self) -> tuple[str, str] | None:
        """Which of TIMES and which of SUMMARIES the goal is about, else None."""
        kind, _, summary = self.metric.rpartition(".")
        return (kind or USUAL_TIME, summary) if summary in SUMMARIES else None


def parse(text: str) -> Goal:
    """Reads one goal. Raises ValueError with the measures that are known."""
    found = _GOAL.fullmatch(text)
    if not found:
        raise ValueError(f"not a goal: {text!r} (like success>=99, p95<=30, within:30>=95)")
    goal = Goal(found[1], found[2], float(found[3]))
    if not _known(goal):
        raise ValueError(f"unknown measure {goal.metric!r}; known: {_measures()}")
    if not math.isfinite(goal.limit) or not math.isfinite(goal.within or 0):
        raise ValueError(f"not a goal: {text!r} (a number of that size is none)")
    return goal


def _known(goal: Goal) -> bool:
    if goal.time:
        return goal.time[0] in TIMES and not goal.metric.startswith(".")
    return goal.metric in SHARES + NUMBERS or goal.within is not None


def _measures() -> str:
    prefixes = "|".join(f"{name}." for name in TIMES)
    return ", ".join((*SHARES, *NUMBERS, "within:SECONDS", f"[{prefixes}]{'|'.join(SUMMARIES)}"))
