"""One clock for stamps and durations: wall time read once, advanced by the monotonic counter.

So a step of the system's clock during a run can neither reorder attempts nor make a duration negative.
"""

import time

_WALL_US = time.time_ns() // 1000
_MARK_NS = time.perf_counter_ns()


def now_us() -> int:
    """Microseconds since 1970 (UTC)."""
    return _WALL_US + (time.perf_counter_ns() - _MARK_NS) // 1000
