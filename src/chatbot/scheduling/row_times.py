"""What a call costs by its rows on this machine: what decides whether a drafted row is worth computing."""

from collections.abc import Sequence
from itertools import pairwise

from chatbot.scheduling.slices import UNTILED_ROWS
from chatbot.scheduling.tuning import PACE_WEIGHT, ROWS_MOST_OFF, ROWS_WEIGHT, STALL_FACTOR


class RowTimes:
    """Seconds of a call by its number of rows, from the warm-up and from each call that only writes answers.

    The curve has a value for every number of rows, since it is no line: kernels change with the number of
    rows, and some compute several at once. How fast the machine is at the moment is kept apart, so that a
    busy neighbour does not make the sizes of the last calls look dear beside the others.
    """

    def __init__(self, measured: Sequence[tuple[int, float]]) -> None:
        """Begin with lines between measured pairs of rows and seconds: at least two, in rising order."""
        self._curve = [_between(measured, rows) for rows in range(UNTILED_ROWS + 1)]
        self._pace = 1.0

    def seconds(self, rows: int) -> float:
        """Of a call with so many rows, at present."""
        return self._pace * self._curve[min(rows, len(self._curve) - 1)]

    def saved(self, streams: int, accepted: int, seconds: float) -> float:
        """Seconds that a call with drafts saved, of which so many were right beside each stream's own token.

        It is compared with calls without drafts that give as many tokens; below 0 where these would have been
        faster.
        """
        return self.seconds(streams) * (1 + accepted / streams) - seconds

    def saw(self, rows: int, seconds: float) -> None:
        """Learn from one call."""
        if not 0 < rows < len(self._curve) or seconds <= 0:
            return
        ratio = min(seconds / self._curve[rows], STALL_FACTOR * self._pace)
        self._pace += PACE_WEIGHT * (ratio - self._pace)
        off = min(max(ratio / self._pace - 1, -ROWS_MOST_OFF), ROWS_MOST_OFF)
        self._curve[rows] *= 1 + ROWS_WEIGHT * off


def _between(measured: Sequence[tuple[int, float]], rows: int) -> float:
    """The value at ``rows`` of the line through the two measured sizes around it, or the last two."""
    pairs = list(pairwise(measured))
    (few, least), (many, longest) = next((pair for pair in pairs if rows <= pair[1][0]), pairs[-1])
    return max(least + (longest - least) * (rows - few) / (many - few), 1e-9)
