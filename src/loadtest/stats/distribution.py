"""Exact summaries of whole microseconds: no buckets, no interpolation, and no percentile without enough
data.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

# The smallest n at which the largest of n values exceeds the percentile with 95 % confidence: 1 - p^n >=
# 0.95. Below it the percentile is a statement about luck, so it is not given.
NEEDED = {50: 5, 90: 29, 95: 59, 99: 299}
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Distribution:
    """A summary of times in seconds; each figure is None where n is too small for it (NEEDED)."""

    n: int
    """How many values."""
    mean: float | None
    """Their arithmetic mean."""
    p50: float | None
    """What half of them do not exceed."""
    p90: float | None
    """What 90 % do not exceed."""
    p95: float | None
    """What 95 % do not exceed."""
    p99: float | None
    """What 99 % do not exceed."""
    max: float | None
    """The largest."""

    def as_dict(self) -> dict[str, float | int | None]:
        """The fields by name, for summary.json."""
        return asdict(self)


def nearest_rank(ordered: Sequence[int], percent: int) -> int:
    """The value that at least `percent` % of the ordered values do not exceed: one that was really
    measured.
    """
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]


def describe(micros: Sequence[int]) -> Distribution:
    """Summarises microseconds as seconds."""
    ordered = sorted(micros)
    n = len(ordered)
    known = {p: nearest_rank(ordered, p) / 1e6 if n >= needed else None for p, needed in NEEDED.items()}
    return Distribution(
        n=n,
        mean=sum(ordered) / n / 1e6 if n else None,
        p50=known[50],
        p90=known[90],
        p95=known[95],
        p99=known[99],
        max=ordered[-1] / 1e6 if n else None,
    )


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share, as two numbers from 0 to 1; (0, 1) when nothing was counted."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    z2 = Z95 * Z95
    centre = share + z2 / (2 * n)
    spread = Z95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    scale = 1 + z2 / n
    low = 0.0 if hits == 0 else (centre - spread) / scale
    high = 1.0 if hits == n else (centre + spread) / scale
    return low, high
