"""The near future of the engine by playing its schedule forward: who starts when, and who speaks when.

One request shares the engine with all others, so no average tells its wait; but the rules of the engine are
few: prompts are read one after another, every generating sequence gets a token a step, a step's time grows
with their number, and while prompts are read each step also holds a slice of prefill.
"""

import heapq
from collections import Counter, deque
from collections.abc import Sequence
from typing import NamedTuple

from chatbot.scheduling.capacity import Capacity
from chatbot.scheduling.rates import StepTimes


class Load(NamedTuple):
    """What a request still needs."""

    prefill: float
    """Seconds to read its prompt."""
    output: float
    """Tokens to generate."""
    cells: float
    """KV cells that it will hold at its end."""
    caller: str | None = None
    """Whose it is; nobody's share bounds those of None."""


class PredictedStart(NamedTuple):
    """When a waiting request starts and speaks, in seconds from now."""

    start: float
    """Until it has a sequence of the batch."""
    first: float
    """Until its first token."""


class _StartOrder:
    """Who starts next: the first whose caller has not all the sequences that one caller may have."""

    def __init__(self, waiting: Sequence[Load], running: Sequence[Load], most: int) -> None:
        self._waiting = waiting
        self._most = most
        self._next = 0
        self._running = Counter(load.caller for load in running)
        # Indexes of those passed over, by caller; and the first of each caller who has room again.
        self._passed: dict[str | None, deque[int]] = {}
        self._released: list[int] = []

    def head(self) -> int | None:
        """The index of the next to start, if anybody may."""
        while self._next < len(self._waiting):
            caller = self._waiting[self._next].caller
            if caller is None or self._running[caller] < self._most:
                break
            self._passed.setdefault(caller, deque()).append(self._next)
            self._next += 1
        if self._released:
            return min(self._released[0], self._next)
        return self._next if self._next < len(self._waiting) else None

    def start(self, index: int) -> None:
        """The head starts."""
        self._running[self._waiting[index].caller] += 1
        if index == self._next:
            self._next += 1
        else:
            heapq.heappop(self._released)

    def end(self, caller: str | None) -> None:
        """One of the caller's requests ended."""
        self._running[caller] -= 1
        passed = self._passed.get(caller)
        if passed:
            heapq.heappush(self._released, passed.popleft())


def replay(
    running: Sequence[Load], waiting: Sequence[Load], capacity: Capacity, steps: StepTimes
) -> list[PredictedStart]:
    """When each of ``waiting`` starts, in this order."""
    base, each, slice_seconds = steps.base, steps.each, capacity.prefill_slice
    free_sequences = capacity.sequences - len(running)
    free_cells = capacity.pool - sum(load.cells for load in running)
    # (virtual step of its end, its load); a sequence that begins at step v with n tokens ends at v + n.
    generating = [(load.output, number, load) for number, load in enumerate(running) if load.prefill <= 0]
    heapq.heapify(generating)
    reading = deque((load.prefill, load, -1) for load in running if load.prefill > 0)
    order = _StartOrder(waiting, running, capacity.share)
    starts = [0.0] * len(waiting)
    firsts = [0.0] * len(waiting)
    now = step = 0.0
    arrived, number = 0, len(running)
    while arrived < len(waiting):
        while free_sequences > 0 and (index := order.head()) is not None:
            load = waiting[index]
            if load.cells > free_cells and (generating or reading):
                break
            order.start(index)
            starts[index] = now
            reading.append((load.prefill, load, index))
            free_sequences -= 1
            free_cells -= load.cells
        step_seconds = base + each * len(generating) if generating else 0.0
        if reading:
            need, load, index = reading[0]
            pace = (slice_seconds + step_seconds) / slice_seconds
            until_read = need * pace
            until_end = (generating[0][0] - step) * (step_seconds + slice_seconds) if generating else None
            if until_end is None or until_read <= until_end:
                reading.popleft()
                now += until_read
                step += until_read / (step_seconds + slice_seconds) if generating else 0.0
                number += 1
                heapq.heappush(generating, (step + load.output, number, load))
                if index >= 0:
                    firsts[index] = now
                    arrived += 1
                continue
            reading[0] = (need - until_end / pace, load, index)
            now += until_end
        else:
            now += max(0.0, generating[0][0] - step) * step_seconds
        step, _, load = heapq.heappop(generating)
        order.end(load.caller)
        free_sequences += 1
        free_cells += load.cells
    return [PredictedStart(start, first) for start, first in zip(starts, firsts, strict=True)]
