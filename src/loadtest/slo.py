"""Goals of a run as people write them: `success>=99`, `p95<=30`, `within:30>=95`, and whether they were met.

A goal that the data cannot decide (a percentile with too few questions) is neither met nor missed: the run
is then unfit to judge it.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from loadtest.reasons import Reason, because
from loadtest.stats.distribution import NEEDED, Distribution, wilson

State = Literal["met", "missed", "undecidable"]
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_GOAL = re.compile(r"\s*([a-z_0-9:.]+)\s*(<=|>=|<|>)\s*(-?[0-9.]+)\s*", re.ASCII)
_PERCENTILE = re.compile(
    r"(?:(attempt|perceived|server|first_token|refusal|intended)\.)?(mean|max|p50|p90|p95|p99)"
)
_WITHIN = re.compile(r"within:([0-9.]+)")
SIMPLE = (
    "success",
    "throughput",
    "refused",
    "server_errors",
    "promises_kept",
    "retry_after_error",
    "drift",
    "overload_kept",
    "recovery",
)


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: `metric` compared with `limit`."""

    metric: str
    sign: str
    limit: float

    def __str__(self) -> str:
        return f"{self.metric}{self.sign}{self.limit:g}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal and its outcome. `low`, `high`: 95 % interval of a share in percent; `proven`: it lies on one
    side.
    """

    goal: str
    state: State
    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    proven: bool = False
    why: Reason | None = None

    def as_dict(self) -> dict[str, Any]:
        """As summary.json has it: the reason in words, and coded for readers of another language."""
        return {
            **{
                name: getattr(self, name) for name in ("goal", "state", "value", "n", "low", "high", "proven")
            },
            "why": str(self.why or ""),
            "coded": self.why.coded() if self.why else None,
        }


@dataclass(frozen=True, slots=True)
class Measures:
    """What goals can be about. Shares are (hits, n); numbers None where the run has none."""

    latency: Mapping[str, Distribution]
    shares: Mapping[str, tuple[int, int]]
    numbers: Mapping[str, float | None]
    within: Callable[[float], tuple[int, int]]
    attempts: int


def parse(text: str) -> Goal:
    """Reads one goal. Raises ValueError with the words that are known."""
    found = _GOAL.fullmatch(text)
    if not found:
        raise ValueError(f"not a goal: {text!r} (like success>=99, p95<=30, within:30>=95)")
    metric, sign, limit = found.groups()
    if metric not in SIMPLE and not _PERCENTILE.fullmatch(metric) and not _WITHIN.fullmatch(metric):
        known = ", ".join(
            (
                *SIMPLE,
                "within:SECONDS",
                "[attempt.|server.|first_token.|refusal.|intended.]p50|p90|p95|p99|mean|max",
            )
        )
        raise ValueError(f"unknown measure {metric!r}; known: {known}")
    return Goal(metric, sign, float(limit))


def judge(goal: Goal, measures: Measures, *, prove: bool) -> Judged:
    """Holds a goal against a run. With `prove`, a share needs its whole interval on the right side."""
    if within := _WITHIN.fullmatch(goal.metric):
        return _share(goal, *measures.within(float(within[1])), prove=prove)
    if goal.metric in measures.shares:
        return _share(goal, *measures.shares[goal.metric], prove=prove)
    if found := _PERCENTILE.fullmatch(goal.metric):
        kind, name = found[1] or "perceived", found[2]
        times = measures.latency[kind]
        value = getattr(times, name)
        needed = NEEDED.get(int(name[1:])) if name[0] == "p" else 1
        if value is None:
            return Judged(
                str(goal), "undecidable", None, times.n, why=because("few_values", n=times.n, needed=needed)
            )
        return _number(goal, value, times.n)
    value = measures.numbers[goal.metric]
    if value is None:
        return Judged(str(goal), "undecidable", None, 0, why=because("not_measured"))
    return _number(goal, value, measures.attempts)


def _number(goal: Goal, value: float, n: int) -> Judged:
    met = _COMPARE[goal.sign](value, goal.limit)
    return Judged(str(goal), "met" if met else "missed", value, n)


def _share(goal: Goal, hits: int, n: int, *, prove: bool) -> Judged:
    if n == 0:
        return Judged(str(goal), "undecidable", None, 0, why=because("nothing_counted"))
    value = 100 * hits / n
    low, high = (100 * edge for edge in wilson(hits, n))
    met = _COMPARE[goal.sign](value, goal.limit)
    sides = {_COMPARE[goal.sign](edge, goal.limit) for edge in (low, high)}
    proven = sides == {met}
    if prove and met and not proven:
        crosses = because("interval_crosses", limit=f"{goal.limit:g}")
        return Judged(str(goal), "undecidable", value, n, low, high, why=crosses)
    return Judged(str(goal), "met" if met else "missed", value, n, low, high, proven)
