"""Who of a batch rests so that masks that are dear do not hold up the others.

A token that a form holds waits for a mask, and everybody in the batch waits with it. Most masks take
microseconds, but a stranger's form may make each of its own take milliseconds: together these may take a
small share of the time that others share.
"""

from collections.abc import Sequence

from chatbot.scheduling.tuning import DEAR_MASK, MASKS_CREDIT, MASKS_SHARE


class MaskBudget:
    """What dear masks may take now. All times are in seconds, ``now`` by the monotonic clock."""

    def __init__(self) -> None:
        self._credit = MASKS_CREDIT
        self._at: float | None = None

    def spend(self, seconds: float, masks: int) -> None:
        """So long were others held up by so many masks of one row; usual ones cost nothing.

        What answers took before anybody knew that theirs are dear is a debt of all whose masks are: it is
        bounded, so that nobody rests for minutes.
        """
        if seconds > DEAR_MASK * masks:
            self._credit = max(self._credit - seconds, -MASKS_CREDIT)

    def affordable(self, masks: Sequence[float], now: float) -> int:
        """How many of these masks, each with the time that it may take, others can be held up for now."""
        passed = 0.0 if self._at is None else now - self._at
        self._at = now
        self._credit = min(MASKS_CREDIT, self._credit + MASKS_SHARE * passed)
        left = self._credit
        for count, seconds in enumerate(masks):
            if left <= 0:
                return count
            left -= seconds
        return len(masks)
