"""Measured speeds of the engine and lengths of its answers: the numbers every prediction rests on."""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import accumulate

from chatbot.scheduling.row_times import RowTimes
from chatbot.scheduling.tuning import (
    FIRST_LENGTH,
    LENGTHS_SEEN,
    NEARLY_ALL,
    PREFILL_CALL_WEIGHT,
    PREFILL_FIRST_WEIGHT,
    PREFILL_MOST_WEIGHT,
    RATIO_DECAY,
    STALL_FACTOR,
    STEP_DECAY,
    STEP_PRIOR_WEIGHT,
    TAIL_SHARE,
)


class StepTimes:
    """Seconds of a decode step by the number of sequences in it: ``base + each * n``, fitted as it runs.

    Exponentially weighted least squares around a prior, so that a long time at one batch size forgets the
    level but not the slope.
    """

    def __init__(self, base: float, each: float) -> None:
        self.base = base
        self.each = each
        self._weight = self._n = self._nn = self._t = self._nt = 0.0

    def seconds(self, sequences: int) -> float:
        """Expected time of a step with so many sequences."""
        return self.base + self.each * max(1, sequences)

    def saw(self, sequences: int, seconds: float) -> None:
        """Learn from one step."""
        if sequences < 1 or seconds <= 0:
            return
        seconds = min(seconds, STALL_FACTOR * self.seconds(sequences))
        self._weight = self._weight * STEP_DECAY + 1
        self._n = self._n * STEP_DECAY + sequences
        self._nn = self._nn * STEP_DECAY + sequences * sequences
        self._t = self._t * STEP_DECAY + seconds
        self._nt = self._nt * STEP_DECAY + sequences * seconds
        mean_n, mean_t = self._n / self._weight, self._t / self._weight
        spread = self._nn / self._weight - mean_n * mean_n
        slant = self._nt / self._weight - mean_n * mean_t
        slope = (slant + self.each * STEP_PRIOR_WEIGHT) / (spread + STEP_PRIOR_WEIGHT)
        self.each = min(max(slope, 0.0), mean_t / mean_n)
        self.base = max(mean_t - self.each * mean_n, 0.0)


class Rate:
    """Seconds for one prompt token: a moving average weighted by tokens."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._weight = PREFILL_FIRST_WEIGHT

    def saw(self, tokens: int, seconds: float) -> None:
        """Learn from ``tokens`` that took ``seconds`` together."""
        if tokens < 1 or seconds <= 0:
            return
        weight = min(tokens, PREFILL_CALL_WEIGHT)
        self.seconds = (self._weight * self.seconds + weight * seconds / tokens) / (self._weight + weight)
        self._weight = min(self._weight + weight, PREFILL_MOST_WEIGHT)


class Lengths:
    """How long answers of a service get: the last ones, and from them the rest of one under way.

    Short answers end first, so at the beginning only they are known. ``under_way``, the tokens of answers
    not yet ended, corrects that: tokens produced by ends seen is the mean even while most still run.
    """

    def __init__(self) -> None:
        self._under_way = 0
        self._recent: deque[int] = deque()
        self._sorted: list[int] = []
        self._total = 0
        # Sums of the longest one, two, three ... lengths, and the expectation of an answer not begun.
        self._sums: list[int] = []
        self._whole = float(FIRST_LENGTH)

    @property
    def under_way(self) -> int:
        """Tokens of the answers not yet ended."""
        return self._under_way

    @under_way.setter
    def under_way(self, tokens: int) -> None:
        self._under_way = tokens
        self._whole = self._expected(0)

    def saw(self, tokens: int) -> None:
        """Learn from one finished answer."""
        if len(self._recent) == LENGTHS_SEEN:
            oldest = self._recent.popleft()
            self._sorted.remove(oldest)
            self._total -= oldest
        self._recent.append(tokens)
        self._total += tokens
        insort(self._sorted, tokens)
        self._sums = list(accumulate(reversed(self._sorted)))
        self._whole = self._expected(0)

    def long(self, max_tokens: int) -> float:
        """A length that nearly all answers stay under; what a deadline has to be judged by."""
        if not self._sorted:
            return float(min(2 * FIRST_LENGTH, max_tokens))
        index = min(int(NEARLY_ALL * len(self._sorted)), len(self._sorted) - 1)
        return float(min(self._unseen() * self._sorted[index], max_tokens))

    def remaining(self, produced: int, max_tokens: int) -> float:
        """Expected further tokens of an answer that has ``produced`` so many and goes on; at least 1."""
        expected = self._expected(produced) if produced else self._whole
        return max(1.0, min(expected, float(max_tokens - produced)))

    def spread(self, produced: int, max_tokens: int, quantile: float) -> float:
        """Further tokens of one among many that got as far: of the longer ones the one at this quantile.

        Where several run, the next end is that of the shortest; their means would all be much later.
        """
        longer = len(self._sorted) - bisect_right(self._sorted, produced)
        if not longer:
            return self.remaining(produced, max_tokens)
        length = self._sorted[-longer + int(quantile * longer)]
        return max(1.0, min(self._unseen() * (length - produced), float(max_tokens - produced)))

    def _expected(self, produced: int) -> float:
        # Longer than all of late: as long-tailed things go, expect a part of what was seen again.
        least = TAIL_SHARE * produced
        if not self._sorted:
            return max(least, float(FIRST_LENGTH - produced))
        longer = len(self._sorted) - bisect_right(self._sorted, produced)
        beyond = self._sums[longer - 1] / longer - produced if longer else least
        return max(least, self._unseen() * beyond)

    def _unseen(self) -> float:
        share = 1.0 - len(self._recent) / LENGTHS_SEEN
        return 1.0 + share * self._under_way / max(1, self._total)


class Ratio:
    """A proportion learnt from totals, such as tokens per character; a mean where ``bottom`` is 1."""

    def __init__(self, value: float, weight: float) -> None:
        self._top = value * weight
        self._bottom = weight

    @property
    def value(self) -> float:
        """The proportion now."""
        return self._top / self._bottom

    def saw(self, top: float, bottom: float) -> None:
        """Learn from one observation; old ones fade."""
        self._top = self._top * RATIO_DECAY + top
        self._bottom = self._bottom * RATIO_DECAY + bottom


class Speeds:
    """All that is measured, in one place."""

    def __init__(
        self,
        *,
        prefill: float = 0.002,
        base: float = 0.02,
        each: float = 0.005,
        rows: Sequence[tuple[int, float]] = (),
    ) -> None:
        """Start from a warm-up's measurements, seconds: a prompt token, a step's base and each sequence.

        ``rows`` are calls by their number of rows, where some were measured beside that line.
        """
        self.steps = StepTimes(base, each)
        self.rows = RowTimes(rows or [(1, base + each), (2, base + 2 * each)])
        self.prefill = Rate(prefill)
        self.tokens_per_char = Ratio(0.7, 200.0)
        self.fresh_share = Ratio(1.0, 200.0)
        self.fresh_tokens = Ratio(32.0, 4.0)
        self._lengths: dict[str, Lengths] = {}

    def lengths(self, service: str) -> Lengths:
        """The answer lengths of a service."""
        known = self._lengths.get(service)
        if known is None:
            known = self._lengths[service] = Lengths()
        return known

    def under_way(self, produced: Iterable[tuple[str, int]]) -> None:
        """Tokens of the answers that run now, by service."""
        totals: dict[str, int] = dict.fromkeys(self._lengths, 0)
        for service, tokens in produced:
            totals[service] = totals.get(service, 0) + tokens
        for service, tokens in totals.items():
            self.lengths(service).under_way = tokens
