"""What each stage of a shaped run did, and what changed between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from loadtest.rows import Attempt
from loadtest.stats.concurrency import Knee, knee
from loadtest.stats.distribution import Distribution, describe, nearest_rank

SERVER_ERRORS = range(500, 600)


@dataclass(frozen=True, slots=True)
class Phase:
    """One stage: attempts that began in it, answers that ended in it. Times in seconds."""

    name: str
    level: float
    start_us: int
    seconds: float
    attempts: int
    answers: int
    refused: int
    server_errors: int
    latency: Distribution
    median: float | None

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
            )
        )
    return found


def steps_knee(found: Sequence[Phase]) -> Knee | None:
    """The knee over stages of rising load."""
    return knee([(int(phase.level), phase.throughput) for phase in found if phase.throughput])


def drift(found: Sequence[Phase]) -> float | None:
    """How much slower the last stage's median answer is than the first's, in percent; None without both."""
    if len(found) < 2 or not found[0].median or not found[-1].median:
        return None
    return 100 * (found[-1].median / found[0].median - 1)


def kept_under_overload(found: Sequence[Phase]) -> float | None:
    """Answers a second under overload, in percent of the rate before it; None where the shape was another."""
    rates = {phase.name: phase.throughput for phase in found}
    before, during = rates.get("before"), rates.get("overload")
    return 100 * during / before if before and during is not None else None
