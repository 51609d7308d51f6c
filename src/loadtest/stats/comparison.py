"""What changed between two runs, with an interval for each difference.

The bootstrap draws with a small generator of fixed seed, so that the page and the command line give the same
interval for the same files.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.record.rows import Attempt
from loadtest.stats.concurrency import span_us
from loadtest.stats.distribution import Z95, nearest_rank, wilson
from loadtest.stats.questions import AskedQuestion, gather, settled

MOST_RESAMPLES = 1000
LEAST_RESAMPLES = 200
DRAWS = 2_000_000
SEED = 20261124
LEAST_N = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of both runs, in its own unit: seconds, percent for shares, answers an hour."""

    name: str
    """Of the measure."""
    earlier: float | None
    """In the first run; None where it has none."""
    later: float | None
    """In the second."""
    change: float | None
    """Later less earlier."""
    low: float | None
    """Lower end of the change's 95 % interval; None where there is too little for one."""
    high: float | None
    """Its upper end."""


def compare_runs(earlier: Sequence[Attempt], later: Sequence[Attempt]) -> list[Difference]:
    """Success and refusals, what users felt, and throughput."""
    first, second = settled(gather(earlier)), settled(gather(later))
    answered = [sum(question.answered for question in side) for side in (first, second)]
    refused = [sum(attempt.refused for attempt in side) for side in (earlier, later)]
    return [
        _share("success", (answered[0], len(first)), (answered[1], len(second))),
        _share("refused", (refused[0], len(earlier)), (refused[1], len(later))),
        *_times(_perceived(first), _perceived(second)),
        _plain("throughput", _an_hour(earlier), _an_hour(later)),
    ]


def _perceived(questions: Sequence[AskedQuestion]) -> list[int]:
    return sorted(question.perceived_us for question in questions if question.answered)


def _an_hour(attempts: Sequence[Attempt]) -> float | None:
    """Answers an hour over the span of a run."""
    span = span_us(attempts)
    return sum(attempt.success for attempt in attempts) * 3.6e9 / span if span else None


def _plain(name: str, one: float | None, two: float | None) -> Difference:
    return Difference(name, one, two, None if one is None or two is None else two - one, None, None)


def _share(name: str, first: tuple[int, int], second: tuple[int, int]) -> Difference:
    """Newcombe's interval for the difference of two shares, from their Wilson intervals."""
    if not first[1] or not second[1]:
        return _plain(name, None, None)
    share1, share2 = first[0] / first[1], second[0] / second[1]
    change, low, high = squared((share1, *wilson(*first)), (share2, *wilson(*second)))
    return Difference(name, 100 * share1, 100 * share2, 100 * change, 100 * low, 100 * high)


def _times(first: Sequence[int], second: Sequence[int]) -> list[Difference]:
    if not first or not second:
        return [_plain(name, None, None) for name in ("mean", "p50", "p95")]
    mean1, mean2 = (sum(side) / len(side) / 1e6 for side in (first, second))
    low, high = bootstrap(first, second)
    return [
        Difference("mean", mean1, mean2, mean2 - mean1, low, high),
        _percentile("p50", first, second, 50),
        _percentile("p95", first, second, 95),
    ]


def _percentile(name: str, first: Sequence[int], second: Sequence[int], percent: int) -> Difference:
    """The difference of two percentiles; its interval from those of both, where both have one."""
    one, two = (nearest_rank(side, percent) / 1e6 for side in (first, second))
    around1, around2 = (between_ranks(side, percent) for side in (first, second))
    if around1 is None or around2 is None:
        return _plain(name, one, two)
    return Difference(name, one, two, *squared((one, *around1), (two, *around2)))


def between_ranks(ordered: Sequence[int], percent: int) -> tuple[float, float] | None:
    """The 95 % interval of a percentile, in seconds, between two measured values whose ranks follow from the
    binomial law whatever the distribution; None where a rank would lie outside the values.
    """
    n, share = len(ordered), percent / 100
    middle, spread = n * share, Z95 * math.sqrt(n * share * (1 - share))
    low, high = math.floor(middle - spread), math.ceil(middle + spread)
    if low < 1 or high > n:
        return None
    return ordered[low - 1] / 1e6, ordered[high - 1] / 1e6


def squared(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:
    """The difference of two (value, low, high) and its interval: distances to the edges, squared and added.

    Newcombe's method 10 for shares; for other values it is called MOVER.
    """
    (one, low1, high1), (two, low2, high2) = first, second
    change = two - one
    low = change - math.sqrt((two - low2) ** 2 + (high1 - one) ** 2)
    return change, low, change + math.sqrt((high2 - two) ** 2 + (one - low1) ** 2)


def bootstrap(first: Sequence[int], second: Sequence[int]) -> tuple[float | None, float | None]:
    """The 95 % percentile interval of the difference of means, in seconds; None below LEAST_N values a
    side.
    """
    if min(len(first), len(second)) < LEAST_N:
        return None, None
    count = max(LEAST_RESAMPLES, min(MOST_RESAMPLES, DRAWS // (len(first) + len(second))))
    state = SEED
    differences = []
    for _ in range(count):
        means = []
        for values in (first, second):
            n, total = len(values), 0
            for _ in range(n):
                state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
                total += values[state * n >> 32]
            means.append(total / n)
        differences.append((means[1] - means[0]) / 1e6)
    differences.sort()
    return differences[count * 25 // 1000], differences[count - 1 - count * 25 // 1000]
