"""Whose turn it is: the caller who was served least so far, first come first served within a caller.

Virtual token counters (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024): every caller
has a counter of weighted tokens. A caller who was away is lifted to the least of those present, so idleness
earns no credit. Two differences: a request is charged in whole when it starts, with what it is expected to
produce, and corrected when it ends, which lets the order be foreseen; and waiting ages a request.
"""

from chatbot.scheduling.tuning import AGEING, OUTPUT_WEIGHT, PROMPT_WEIGHT, REMEMBERED_CALLERS


def cost(fresh: float, output: float) -> float:
    """Weighted tokens of a request that reads ``fresh`` tokens and generates ``output``."""
    return PROMPT_WEIGHT * fresh + OUTPUT_WEIGHT * output


class FairOrder:
    """The counters, and the key that they give a request."""

    def __init__(self) -> None:
        self._counters: dict[str, float] = {}
        self._present: dict[str, int] = {}
        self._waiting: dict[str, float] = {}

    def key(self, caller: str, now: float) -> float:
        """Where a request that comes now stands among all others: the least is served first.

        The caller's own requests that wait count as served, since they go before it.
        """
        return self.standing(caller) + self._waiting.get(caller, 0.0) + AGEING * now

    def joined(self, caller: str, amount: float) -> None:
        """The caller got a place for a request of so many weighted tokens."""
        if caller not in self._present:
            self._counters[caller] = self.standing(caller)
            self._waiting[caller] = 0.0
        self._present[caller] = self._present.get(caller, 0) + 1
        self._waiting[caller] += amount

    def started(self, caller: str, amount: float) -> None:
        """One of the caller's requests starts: from waiting to the account; a negative amount goes back."""
        self._waiting[caller] -= amount
        self._counters[caller] += amount

    def left(self, caller: str, *, waiting: float = 0.0, correction: float = 0.0) -> None:
        """One of the caller's places ended: what still waited is forgotten, what was charged corrected."""
        self._waiting[caller] -= waiting
        self._counters[caller] += correction
        self._present[caller] -= 1
        if not self._present[caller]:
            del self._present[caller], self._waiting[caller]
        if not self._present:
            # Nobody is here: credit and debt of the past mean nothing to those who come next.
            self._counters.clear()
        elif len(self._counters) > 2 * len(self._present) + REMEMBERED_CALLERS:
            least = self._least()
            self._counters = {
                name: counter
                for name, counter in self._counters.items()
                if counter > least or name in self._present
            }

    def debt(self, caller: str) -> float:
        """Weighted tokens that the caller has had, or waits for, beyond the one who was served least."""
        return self.standing(caller) + self._waiting.get(caller, 0.0) - self._least()

    def standing(self, caller: str) -> float:
        """The caller's counter, as it would be on joining now."""
        if caller in self._present:
            return self._counters[caller]
        return max(self._counters.get(caller, 0.0), self._least())

    def _least(self) -> float:
        return min((self._counters[caller] for caller in self._present), default=0.0)
