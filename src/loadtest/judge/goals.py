"""Whether the goals of a run (`loadtest.plan.goals`) were met.

A goal that the data cannot decide (a percentile with too few questions) is neither met nor missed: the run
is then unfit to judge it.
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from loadtest.judge.reasons import Reason, because
from loadtest.plan.goals import Goal
from loadtest.stats.distribution import NEEDED, Distribution, wilson

State = Literal["met", "missed", "undecidable"]
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A goal and its outcome."""

    goal: str
    """As it was written."""
    state: State
    """`undecidable` where the run has too little of what the goal is about."""
    value: float | None
    """What was measured: percent, seconds or a count; None where nothing was."""
    n: int
    """Out of how many values."""
    low: float | None = None
    """Lower end of the 95 % interval of a share, in percent; None for what is no share."""
    high: float | None = None
    """Its upper end."""
    proven: bool = False
    """Whether that whole interval lies on one side of the limit."""
    why: Reason | None = None
    """Why it cannot be decided."""

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
    """What goals can be about."""

    latency: Mapping[str, Distribution]
    """Times by their name in `loadtest.plan.goals.TIMES`."""
    shares: Mapping[str, tuple[int, int]]
    """Hits and n of each share."""
    numbers: Mapping[str, float | None]
    """Other figures; None where the run has none."""
    within: Callable[[float], tuple[int, int]]
    """Questions answered within so many seconds, and all settled ones."""
    attempts: int
    """How many there were."""


def judge(goal: Goal, measures: Measures, *, prove: bool) -> Judged:
    """Holds a goal against a run. With `prove`, a share needs its whole interval on the right side."""
    if goal.within is not None:
        return _share(goal, *measures.within(goal.within), prove=prove)
    if goal.metric in measures.shares:
        return _share(goal, *measures.shares[goal.metric], prove=prove)
    if goal.time:
        kind, name = goal.time
        times = measures.latency[kind]
        value = getattr(times, name)
        needed = NEEDED.get(int(name[1:])) if name[0] == "p" else 1
        if value is None:
            few = because("few_values", n=times.n, needed=needed)
            return Judged(str(goal), "undecidable", None, times.n, why=few)
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
