"""Whose turn it is: the caller who was served least so far, first come first served within a caller.

Virtual token counters (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024): every caller
has a counter of weighted tokens. A caller who was away is lifted to the least of those present, so idleness
earns no credit. Two differences: a request is charged in whole when it starts, with what it is expected to
produce, and corrected when it ends, which lets the order be foreseen; and waiting ages a request.
"""

import heapq
from collections.abc import Iterable

from chatbot.scheduling.job import Job

PROMPT_WEIGHT = 1.0
OUTPUT_WEIGHT = 4.0
"""A generated token costs its share of a whole step, a prompt token rides along in a batch of hundreds."""

AGEING = 20.0
"""Weighted tokens that a second of waiting is worth: a minute makes up for an answer of 300 tokens.

With a quarter of this, users served before were overtaken so often under lasting overload that 5 % of all
requests missed their deadline although the door had let them in; now 3.5 % (bench/what_if.py)."""

_REMEMBERED = 256
"""Absent callers whose debt is kept; beyond that those without debt are forgotten."""


def cost(fresh: float, output: float) -> float:
    """Weighted tokens of a request."""
    return PROMPT_WEIGHT * fresh + OUTPUT_WEIGHT * output


class FairOrder:
    """The counters, and the order that they give."""

    def __init__(self) -> None:
        self._counters: dict[str, float] = {}
        self._present: dict[str, int] = {}

    def joined(self, caller: str) -> None:
        """The caller got a place."""
        if caller not in self._present:
            self._counters[caller] = self.standing(caller)
        self._present[caller] = self._present.get(caller, 0) + 1

    def left(self, caller: str) -> None:
        """One of the caller's places ended."""
        self._present[caller] -= 1
        if not self._present[caller]:
            del self._present[caller]
        if not self._present:
            # Nobody is here: credit and debt of the past mean nothing to those who come next.
            self._counters.clear()
        elif len(self._counters) > 2 * len(self._present) + _REMEMBERED:
            least = self._least()
            self._counters = {
                name: counter
                for name, counter in self._counters.items()
                if counter > least or name in self._present
            }

    def charge(self, caller: str, amount: float) -> None:
        """Add weighted tokens (a correction may be negative) to the caller's account."""
        self._counters[caller] += amount

    def standing(self, caller: str) -> float:
        """The caller's counter, as it would be on joining now."""
        if caller in self._present:
            return self._counters[caller]
        return max(self._counters.get(caller, 0.0), self._least())

    def arrange(self, waiting: Iterable[tuple[Job, float]]) -> list[tuple[float, Job]]:
        """Jobs with their costs in the order of service, each with its key; keys never decrease."""
        lines: dict[str, list[tuple[Job, float]]] = {}
        for job, amount in waiting:
            lines.setdefault(job.caller, []).append((job, amount))
        heads = []
        for caller, line in lines.items():
            line.sort(key=lambda entry: entry[0].reserved, reverse=True)
            heads.append((self._counters[caller] + AGEING * line[-1][0].reserved, caller))
        heapq.heapify(heads)
        arranged = []
        while heads:
            key, caller = heads[0]
            job, amount = lines[caller].pop()
            arranged.append((key, job))
            if lines[caller]:
                later = AGEING * (lines[caller][-1][0].reserved - job.reserved)
                heapq.heapreplace(heads, (key + amount + later, caller))
            else:
                heapq.heappop(heads)
        return arranged

    def _least(self) -> float:
        return min((self._counters[caller] for caller in self._present), default=0.0)
