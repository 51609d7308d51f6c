"""How many drafted tokens a call computes: those that are likely enough for what their rows cost."""

import heapq
import math
from collections.abc import Callable, Sequence

from chatbot.scheduling.tuning import LEAST_GAIN


def draft_rows(
    chances: Sequence[Sequence[float]], seconds: Callable[[int], float], *, most: int, longest: float
) -> list[int]:
    """Rows for the drafts of each stream.

    A stream's speed is the tokens that it may expect of a call by the call's seconds. The rows are chosen so
    that the product of all speeds is largest: of one stream that is its speed; of several nobody's becomes
    much slower for another's sake, as it would if the sum were made large.

    Args:
        chances: For each stream in the call the probability that its first drafted token is right, that the
            first two are, and so on.
        seconds: What a call of so many rows takes.
        most: Rows that drafts may take in all.
        longest: Seconds by which drafts may lengthen the call.

    Returns:
        So many of its drafted tokens for each stream; all 0 where drafts gain less than ``LEAST_GAIN``.
    """
    streams = len(chances)
    tokens = [1.0] * streams
    rows, best_rows = [0] * streams, [0] * streams
    worth, best = 0.0, streams * LEAST_GAIN
    alone = seconds(streams)
    # The next row goes to whom it speeds up most: the chances of each stream fall, so this is the best for
    # every number of rows.
    gains = [(-math.log1p(chance[0]), stream) for stream, chance in enumerate(chances) if chance]
    heapq.heapify(gains)
    for taken in range(1, most + 1):
        if not gains:
            break
        gain, stream = heapq.heappop(gains)
        worth -= gain
        tokens[stream] += chances[stream][rows[stream]]
        rows[stream] += 1
        if rows[stream] < len(chances[stream]):
            further = chances[stream][rows[stream]] / tokens[stream]
            heapq.heappush(gains, (-math.log1p(further), stream))
        # All numbers of rows are tried: a kernel that works on four rows at once takes as long for one.
        lengthened = seconds(streams + taken)
        net = worth - streams * math.log(lengthened / alone)
        if net > best and lengthened - alone <= longest:
            best, best_rows = net, list(rows)
    return best_rows
