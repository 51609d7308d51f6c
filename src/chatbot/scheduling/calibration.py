"""How far predictions were off lately, and what that asks of the next one."""

from collections import deque

from chatbot.scheduling.tuning import CALIBRATION_CASES, LEAST_CALIBRATED


class Calibration:
    """Ratios of what happened to what was predicted."""

    def __init__(self, *, lowest: float, highest: float, share: float) -> None:
        """Correct by the ratio that ``share`` of the last cases stayed under, in bounds; first the lowest."""
        self._lowest = lowest
        self._highest = highest
        self._share = share
        self._ratios: deque[float] = deque([lowest] * 8, maxlen=CALIBRATION_CASES)
        self._factor = lowest

    @property
    def factor(self) -> float:
        """Multiply a prediction by this."""
        return self._factor

    def saw(self, predicted: float, actual: float) -> None:
        """Learn from one case, both in seconds."""
        if predicted < LEAST_CALIBRATED:
            return
        self._ratios.append(actual / predicted)
        ordered = sorted(self._ratios)
        value = ordered[min(int(self._share * len(ordered)), len(ordered) - 1)]
        self._factor = min(max(value, self._lowest), self._highest)
