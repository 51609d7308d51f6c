"""What each stage of a shaped run did, and what changed between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from loadtest.plan.stages import BEFORE, OVERLOAD, RECOVERY
from loadtest.record.rows import Attempt
from loadtest.stats.concurrency import Knee, knee
from loadtest.stats.distribution import Distribution, describe, nearest_rank

SERVER_ERRORS = range(500, 600)
_WHOLE = 0.95


@dataclass(frozen=True, slots=True)
class Phase:
    """One stage of a run."""

    name: str
    """As the plan calls it."""
    level: float
    """Users, or arrivals a second."""
    start_us: int
    """Its beginning, microseconds since 1970."""
    seconds: float
    """How long it lasted."""
    attempts: int
    """Those that began in it."""
    answers: int
    """Those that ended in it."""
    refused: int
    """How many of the attempts were refused."""
    server_errors: int
    """How many of them ended with 5xx."""
    latency: Distribution
    """Durations of those that were answered."""
    median: float | None
    """Their median in seconds, however few they are."""
    whole: bool
    """Whether it lasted as long as planned."""

    @property
    def throughput(self) -> float | None:
        """Answers a second."""
        return self.answers / self.seconds if self.seconds > 0 else None


def phases(records: Sequence[dict[str, Any]], attempts: Sequence[Attempt]) -> list[Phase]:
    """Cuts the run at the recorded phase beginnings; the record named "end" closes the last."""
    edges = sorted(records, key=lambda record: record["t"])
    found = []
    for record, following in pairwise(edges):
        low, high = record["t"], following["t"]
        begun = [attempt for attempt in attempts if low <= attempt.start_us < high]
        answered = sorted(attempt.duration_us for attempt in begun if attempt.success)
        found.append(
            Phase(
                name=record["name"],
                level=record["level"],
                start_us=low,
                seconds=(high - low) / 1e6,
                attempts=len(begun),
                answers=sum(attempt.success and low <= attempt.end_us < high for attempt in attempts),
                refused=sum(attempt.refused for attempt in begun),
                server_errors=sum(attempt.status_code in SERVER_ERRORS for attempt in begun),
                latency=describe(answered),
                median=nearest_rank(answered, 50) / 1e6 if answered else None,
                whole=(high - low) / 1e6 >= _WHOLE * (record.get("seconds") or 0),
            )
        )
    return found


def steps_knee(found: Sequence[Phase]) -> Knee | None:
    """The knee over stages of rising load; one that was cut short says nothing of its rate."""
    return knee([(int(phase.level), phase.throughput) for phase in found if phase.throughput and phase.whole])


def drift(found: Sequence[Phase]) -> float | None:
    """How much slower the last stage's median answer is than the first's, in percent; None unless both have
    answers and the same load.
    """
    if len(found) < 2 or found[0].level != found[-1].level:
        return None
    if not found[0].median or not found[-1].median:
        return None
    return 100 * (found[-1].median / found[0].median - 1)


def recovery(found: Sequence[Phase], attempts: Sequence[Attempt]) -> float | None:
    """Seconds after the end of an overload until the last refusal or server error was over; 0 without any,
    None where the shape was another. Those that began before do not count: they are the overload's.
    """
    back = next((phase for phase in found if phase.name == RECOVERY), None)
    if back is None:
        return None
    bad = [
        attempt.end_us
        for attempt in attempts
        if attempt.start_us >= back.start_us and (attempt.refused or attempt.status_code in SERVER_ERRORS)
    ]
    return (max(bad) - back.start_us) / 1e6 if bad else 0.0


def kept_under_overload(found: Sequence[Phase]) -> float | None:
    """Answers a second under overload, in percent of the rate before it; None where the shape was another."""
    rates = {phase.name: phase.throughput for phase in found}
    before, during = rates.get(BEFORE), rates.get(OVERLOAD)
    return 100 * during / before if before and during is not None else None
