"""Whether a soak kept what docs/reliability.md promises of a long life, by the figures alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.suite import line, quantile

GROWTH = 0.05
"""Share of its mean by which a figure may rise over the second half, and p95 from the second quarter to the
last."""

LEAST = 2.0
"""Files, threads, tokens or MiB by which a figure may rise in any case: a pool of threads that takes one more
when it is needed has no leak."""

SURE = 3.0
"""Standard errors that a rise must be above zero to be none of chance."""

LEAST_SAMPLES = 10
"""Samples of the second half that a slope is taken of."""

LEAST_ANSWERS = 1000
"""Whole answers of a quarter: of fewer, chance alone moves p95 by some per cent."""


@dataclass(frozen=True)
class Sample:
    """The process at one moment."""

    at: float
    """Seconds since the first request."""
    memory_mib: float
    """Resident memory."""
    files: int
    """Open file descriptors."""
    threads: int
    """Threads of the process."""
    waiting: float
    """Questions that wait."""
    cells: float
    """Tokens that the KV pool holds."""
    host_cache_mib: float
    """Part of the memory: conversations that left the pool, up to CHATBOT_…__HOST_CACHE_MIB."""

    @property
    def own_memory_mib(self) -> float:
        """Memory less the host cache, which is meant to fill."""
        return self.memory_mib - self.host_cache_mib


@dataclass(frozen=True)
class Rise:
    """How a figure changed over a span, by its least-squares line."""

    change: float
    """In the figure's unit, over the whole span."""
    error: float
    """Standard error of ``change``, as if the samples were independent."""
    mean: float
    """Of the figure."""

    @property
    def broken(self) -> bool:
        """Whether it grew by more than may be, and not by chance."""
        return self.change > max(LEAST, GROWTH * self.mean, SURE * self.error)


GROWING = {
    "own_memory_mib": "memory less the host cache (MiB)",
    "files": "open files",
    "threads": "threads",
    "cells": "KV cells",
}
"""Figures of a sample that must not grow, with what a sentence calls them."""


def second_half(samples: Sequence[Sample]) -> Sequence[Sample]:
    """When caches are full."""
    return samples[len(samples) // 2 :]


def rise(samples: Sequence[Sample], figure: str) -> Rise:
    """How one figure changed from the first of the samples to the last; at least three."""
    points = [(each.at, float(getattr(each, figure))) for each in samples]
    intercept, slope = line(points)
    mean_at = sum(at for at, _ in points) / len(points)
    left_over = sum((value - intercept - slope * at) ** 2 for at, value in points)
    spread = sum((at - mean_at) ** 2 for at, _ in points)
    error = (left_over / (len(points) - 2) / spread) ** 0.5
    span = points[-1][0] - points[0][0]
    return Rise(slope * span, error * span, sum(value for _, value in points) / len(points))


def quarters(whole: Sequence[tuple[float, float]], end: float) -> list[list[float]]:
    """How long the answers of each quarter of the day took, of when each was asked for and its seconds."""
    edges = [end * number / 4 for number in range(5)]
    return [[took for at, took in whole if begun <= at < over] for begun, over in pairwise(edges)]


def drift(answers: Sequence[Sequence[float]]) -> float | None:
    """p95 of the fourth quarter by the second's, less 1; None where there are too few to tell."""
    second, fourth = answers[1], answers[3]
    if min(len(second), len(fourth)) < LEAST_ANSWERS:
        return None
    return quantile(fourth, 0.95) / quantile(second, 0.95) - 1


def broken(samples: Sequence[Sample], whole: Sequence[tuple[float, float]], after: Sample) -> list[str]:
    """A sentence for each promise that the day broke.

    Args:
        samples: Of the day, in their order.
        whole: Of each whole answer when it was asked for and how long it took, seconds.
        after: The process when nobody asks any more.
    """
    half = second_half(samples)
    if len(half) < LEAST_SAMPLES:
        return [f"{len(half)} samples of the second half show no slope: at least {LEAST_SAMPLES}"]
    sentences = []
    for figure, name in GROWING.items():
        seen = rise(half, figure)
        if seen.broken:
            share = f" of {seen.mean:.0f}" if seen.mean else ""
            sentences.append(f"{name} rose by {seen.change:.1f}{share} over the second half")
    drifted = drift(quarters(whole, samples[-1].at))
    if drifted is not None and drifted >= GROWTH:
        sentences.append(f"p95 of the fourth quarter is {100 * drifted:.1f} % above the second's")
    if after.waiting:
        sentences.append(f"{after.waiting:.0f} questions wait although nobody asks")
    return sentences
