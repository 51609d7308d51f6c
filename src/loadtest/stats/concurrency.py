"""How many attempts were in flight, by sweeping over their intervals, and what the service did at each level.

The configured number of users says little: users think, wait and back off. An attempt is in flight during
[start, end); at one instant ends count before starts, and an attempt shorter than a microsecond lasts one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from loadtest.record.rows import Attempt

MOST_BINS = 20
# A level held for a moment can show any rate; it takes part in the knee only with this much evidence.
LEAST_SHARE_PERCENT = 5
LEAST_ANSWERS = 10
# Levels that lie close together cannot tell where throughput stops growing.
LEAST_RANGE = 2
KNEE_SHARE = 0.95


@dataclass(slots=True)
class Level:
    """What happened while so many attempts were in flight."""

    low: int
    """The fewest in flight of this bin."""
    high: int
    """The most."""
    time_us: int = 0
    """How long it lasted, microseconds."""
    answers: float = 0.0
    """Each answer counts with the share of its duration that it spent here, so the answers of all levels add
    up to those of the run.
    """
    started: int = 0
    """Attempts that began here."""
    started_answered: int = 0
    """How many of them were answered."""
    started_answered_us: int = 0
    """The durations of these, microseconds in all."""

    @property
    def throughput(self) -> float | None:
        """Answers a second."""
        return self.answers * 1e6 / self.time_us if self.time_us else None

    @property
    def mean_seconds(self) -> float | None:
        """Mean duration of the answered attempts that began at this level."""
        return self.started_answered_us / self.started_answered / 1e6 if self.started_answered else None


@dataclass(slots=True)
class Sweep:
    """The whole sweep."""

    peak: int = 0
    """The most attempts in flight at once."""
    area_us: int = 0
    """Attempts in flight, integrated over time, in microseconds."""
    span_us: int = 0
    """From the first start to the last end, microseconds."""
    levels: list[Level] = field(default_factory=list)
    """By attempts in flight, in at most MOST_BINS bins."""

    @property
    def mean(self) -> float | None:
        """Time-weighted mean of attempts in flight."""
        return self.area_us / self.span_us if self.span_us else None


def sweep(attempts: Sequence[Attempt]) -> Sweep:
    """Sweeps over all attempts. An empty run gives an empty sweep."""
    if not attempts:
        return Sweep()
    events = []
    for index, attempt in enumerate(attempts):
        events.append((attempt.start_us, 1, index))
        events.append((attempt.start_us + max(1, attempt.duration_us), 0, index))
    events.sort()
    peak = _peak(events)
    width = -(-peak // MOST_BINS)
    bins = [Level(low, min(low + width - 1, peak)) for low in range(1, peak + 1, width)]
    entered: dict[int, list[int]] = {}
    level = area = 0
    before = events[0][0]
    for moment, starts, index in events:
        if level:
            bins[(level - 1) // width].time_us += moment - before
            area += level * (moment - before)
        before = moment
        attempt = attempts[index]
        if starts:
            level += 1
            _started(bins[(level - 1) // width], attempt)
            if attempt.success:
                entered[index] = [each.time_us for each in bins]
        else:
            level -= 1
            if attempt.success:
                for each, earlier in zip(bins, entered.pop(index), strict=True):
                    each.answers += (each.time_us - earlier) / max(1, attempt.duration_us)
    return Sweep(peak, area, span_us(attempts), bins)


def span_us(attempts: Sequence[Attempt]) -> int:
    """From the first start to the last end; 0 for an empty run."""
    if not attempts:
        return 0
    last = max(attempt.start_us + max(1, attempt.duration_us) for attempt in attempts)
    return last - min(attempt.start_us for attempt in attempts)


def _peak(events: Sequence[tuple[int, int, int]]) -> int:
    level = peak = 0
    for _, starts, _ in events:
        level += 1 if starts else -1
        peak = max(peak, level)
    return peak


def _started(level: Level, attempt: Attempt) -> None:
    level.started += 1
    if attempt.success:
        level.started_answered += 1
        level.started_answered_us += attempt.duration_us


@dataclass(frozen=True, slots=True)
class Knee:
    """The lowest level that already gives 95 % of the best throughput."""

    level: int
    """Users, or attempts in flight."""
    throughput: float
    """Answers a second there."""
    best: float
    """Answers a second at the best level."""
    reached: bool
    """False while more users still bring more: the level is only the highest that was tried."""
    lowest: bool
    """True when nothing below it was tried: the knee may lie lower."""


def knee_of(levels: Sequence[Level], span_us: int) -> Knee | None:
    """Finds the knee among levels with evidence enough; None unless the highest of them is twice the
    lowest.
    """
    fit = [
        (level.high, level.throughput)
        for level in levels
        if level.throughput is not None
        and level.answers >= LEAST_ANSWERS
        and level.time_us * 100 >= span_us * LEAST_SHARE_PERCENT
    ]
    if not fit or fit[-1][0] < LEAST_RANGE * fit[0][0]:
        return None
    return knee(fit)


def knee(points: Sequence[tuple[int, float]]) -> Knee | None:
    """The knee of (users, answers a second), ordered by users; None when there is no point."""
    if not points:
        return None
    best = max(rate for _, rate in points)
    users, rate = next((users, rate) for users, rate in points if rate >= KNEE_SHARE * best)
    return Knee(users, rate, best, reached=users != points[-1][0], lowest=users == points[0][0])
