"""The near future of the engine by playing its schedule forward: who starts when, and who speaks when.

One request shares the engine with all others, so no average tells its wait; but the rules of the engine are
few: prompts are read one after another, every generating sequence gets a token a step, a step's time grows
with their number, and while prompts are read each step also holds a slice of prefill.
"""

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.scheduling.job import Capacity
from chatbot.scheduling.rates import StepTimes


@dataclass(frozen=True, slots=True)
class Load:
    """What a request still needs: seconds of prefill, tokens to generate, KV cells to hold."""

    prefill: float
    output: float
    cells: float


@dataclass(frozen=True, slots=True)
class Outlook:
    """Seconds from now until a request gets its place in the batch, and its first token."""

    start: float
    first: float


def replay(
    running: Sequence[Load], waiting: Sequence[Load], capacity: Capacity, steps: StepTimes
) -> list[Outlook]:
    """The outlook of each of ``waiting``, which start in this order."""
    base, each, slice_seconds = steps.base, steps.each, capacity.prefill_slice
    free_sequences = capacity.sequences - len(running)
    free_cells = capacity.pool - sum(load.cells for load in running)
    # (virtual step at which it ends, cells); a sequence that begins at step v with n tokens ends at v + n.
    generating = [(load.output, load.cells) for load in running if load.prefill <= 0]
    heapq.heapify(generating)
    reading: deque[tuple[float, float, float, int]] = deque(
        (load.prefill, load.output, load.cells, -1) for load in running if load.prefill > 0
    )
    starts = [0.0] * len(waiting)
    firsts = [0.0] * len(waiting)
    now = step = 0.0
    following = arrived = 0
    while arrived < len(waiting):
        while following < len(waiting) and free_sequences > 0:
            load = waiting[following]
            if load.cells > free_cells and (generating or reading):
                break
            starts[following] = now
            reading.append((load.prefill, load.output, load.cells, following))
            free_sequences -= 1
            free_cells -= load.cells
            following += 1
        step_seconds = base + each * len(generating) if generating else 0.0
        if reading:
            need, output, cells, index = reading[0]
            pace = (slice_seconds + step_seconds) / slice_seconds
            until_read = need * pace
            until_end = (generating[0][0] - step) * (step_seconds + slice_seconds) if generating else None
            if until_end is None or until_read <= until_end:
                reading.popleft()
                now += until_read
                step += until_read / (step_seconds + slice_seconds) if generating else 0.0
                heapq.heappush(generating, (step + output, cells))
                if index >= 0:
                    firsts[index] = now
                    arrived += 1
                continue
            reading[0] = (need - until_end / pace, output, cells, index)
            now += until_end
        else:
            now += max(0.0, generating[0][0] - step) * step_seconds
        step, cells = heapq.heappop(generating)
        free_sequences += 1
        free_cells += cells
    return [Outlook(start, first) for start, first in zip(starts, firsts, strict=True)]
