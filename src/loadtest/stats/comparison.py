"""What changed between two runs, with an interval for each difference.

The bootstrap draws with a small generator of fixed seed, so that the page and the command line give the same
interval for the same files.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.rows import Attempt
from loadtest.stats.distribution import nearest_rank, wilson
from loadtest.stats.questions import Question, gather, settled

MOST_RESAMPLES = 1000
LEAST_RESAMPLES = 200
DRAWS = 2_000_000
SEED = 20261124
LEAST_N = 5


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of both runs; seconds, or percent points for shares. `low`, `high`: 95 % interval of the
    change.
    """

    name: str
    earlier: float | None
    later: float | None
    change: float | None
    low: float | None
    high: float | None


def compare_runs(earlier: Sequence[Attempt], later: Sequence[Attempt]) -> list[Difference]:
    """Success rate, mean and median of what users felt."""
    first, second = settled(gather(earlier)), settled(gather(later))
    return [_success(first, second), *_times(_perceived(first), _perceived(second))]


def _perceived(questions: Sequence[Question]) -> list[int]:
    return sorted(question.perceived_us for question in questions if question.answered)


def _success(first: Sequence[Question], second: Sequence[Question]) -> Difference:
    """Newcombe's interval for the difference of two shares, from their Wilson intervals."""
    if not first or not second:
        return Difference("success", None, None, None, None, None)
    (hits1, n1), (hits2, n2) = ((sum(q.answered for q in side), len(side)) for side in (first, second))
    share1, share2 = hits1 / n1, hits2 / n2
    (low1, high1), (low2, high2) = wilson(hits1, n1), wilson(hits2, n2)
    change = share2 - share1
    low = change - math.sqrt((share2 - low2) ** 2 + (high1 - share1) ** 2)
    high = change + math.sqrt((high2 - share2) ** 2 + (share1 - low1) ** 2)
    return Difference("success", 100 * share1, 100 * share2, 100 * change, 100 * low, 100 * high)


def _times(first: Sequence[int], second: Sequence[int]) -> list[Difference]:
    if not first or not second:
        return [Difference(name, None, None, None, None, None) for name in ("mean", "p50")]
    mean1, mean2 = (sum(side) / len(side) / 1e6 for side in (first, second))
    low, high = bootstrap(first, second)
    middle1, middle2 = (nearest_rank(side, 50) / 1e6 for side in (first, second))
    return [
        Difference("mean", mean1, mean2, mean2 - mean1, low, high),
        Difference("p50", middle1, middle2, middle2 - middle1, None, None),
    ]


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
