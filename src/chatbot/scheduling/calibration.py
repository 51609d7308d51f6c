"""How far predictions were off lately, and what that asks of the next one."""

from collections import deque

_MEMORY = 64
_WORTH_LEARNING = 0.5
"""Seconds: a shorter wait is all jitter and would teach nothing about queues."""


class Calibration:
    """Ratios of what happened to what was predicted."""

    def __init__(self, *, lowest: float, highest: float, share: float) -> None:
        """Correct by the ratio that ``share`` of the last cases stayed under, in bounds; first the lowest."""
        self._lowest = lowest
        self._highest = highest
        self._share = share
        self._ratios: deque[float] = deque([lowest] * 8, maxlen=_MEMORY)
        self._factor = lowest

    @property
    def factor(self) -> float:
        """Multiply a prediction by this."""
        return self._factor

    def saw(self, predicted: float, actual: float) -> None:
        """Learn from one case, both in seconds."""
        if predicted < _WORTH_LEARNING:
            return
        self._ratios.append(actual / predicted)
        ordered = sorted(self._ratios)
        value = ordered[min(int(self._share * len(ordered)), len(ordered) - 1)]
        self._factor = min(max(value, self._lowest), self._highest)
