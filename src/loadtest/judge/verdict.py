"""The verdict of a run and its exit code. "Passed" is said only of a run that proved its own completeness."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from loadtest.judge.checks import Check
from loadtest.judge.goals import Judged
from loadtest.judge.reasons import Reason, because
from loadtest.record.rows import Attempt


class Exit(IntEnum):
    """Exit codes of `loadtest`."""

    PASSED = 0
    MISSED = 1
    INVALID = 2
    UNREACHABLE = 3
    WRONG_USAGE = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a run is judged."""

    exit: Exit
    """The exit code that says it."""
    reasons: tuple[Reason, ...]
    """Why, the gravest first; none for a run that passed its goals."""

    @property
    def word(self) -> str:
        """One word for people."""
        return self.exit.name.lower()


def decide(attempts: Sequence[Attempt], checks: Sequence[Check], judged: Sequence[Judged]) -> Verdict:
    """Unreachable before invalid before missed before passed."""
    if attempts and all(attempt.failure_reason == "connect_error" for attempt in attempts):
        return Verdict(Exit.UNREACHABLE, (because("no_connection"),))
    faults = invalidating(checks)
    faults += [
        Reason("undecidable", {"why": goal.why}, goal.goal) for goal in judged if goal.state == "undecidable"
    ]
    missed = tuple(
        Reason("missed", {"value": f"{goal.value:.6g}"}, goal.goal)
        for goal in judged
        if goal.state == "missed"
    )
    if faults:
        return Verdict(Exit.INVALID, (*faults, *missed))
    if missed:
        return Verdict(Exit.MISSED, missed)
    return Verdict(Exit.PASSED, () if judged else (because("no_goals"),))


def invalidating(checks: Sequence[Check]) -> list[Reason]:
    """The faults for which a run cannot be judged, each with the name of its check."""
    return [
        replace(found, about=check.name)
        for check in checks
        if check.state == "invalid"
        for found in check.found
    ]
