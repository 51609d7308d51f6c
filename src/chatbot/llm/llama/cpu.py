"""How many threads pay on this machine: what the scheduler grants, not what the board carries.

A container with a quota of two CPUs on a 64-core host must not start 64 threads: they would be throttled
together and every decode step would wait for the slowest.
"""

import math
import os
from pathlib import Path

_SPINS = 3000
"""Looks at a barrier before sleeping, about 150 microseconds: longer than threads of equal work are apart on
a quiet machine, far shorter than a time slice. On two quiet cores a step of one sequence takes 36 ms with 300
and 26 to 28 ms from 3,000 on; with load 9 to 14 a step of twenty takes 0.7 s with 300 and 2 to 3 s with
libgomp's own 300,000 (bench/step_times.py under GOMP_SPINCOUNT)."""

_CGROUP_V2 = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1 = Path("/sys/fs/cgroup/cpu")


def yield_while_waiting() -> None:
    """Let the library's threads soon sleep at their barriers; to be called before llama_cpp is imported.

    A step has hundreds of barriers. Where a neighbour takes a core, a spinning thread burns the time slice
    that the thread it waits for needs: steps of 30 ms became 1,000 ms on a machine with far more busy
    processes than cores. OpenMP reads this once, when it is loaded.
    """
    os.putenv("GOMP_SPINCOUNT", str(_SPINS))


def usable_threads(wanted: int = 0) -> int:
    """``wanted`` if positive, else the CPUs that affinity and the cgroup quota leave, at least 1."""
    if wanted > 0:
        return wanted
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(_CGROUP_V2, _CGROUP_V1)
    return affinity if quota is None else max(1, min(affinity, math.ceil(quota)))


def cgroup_quota(v2_file: Path, v1_folder: Path) -> float | None:
    """CPUs that the container may use, from either cgroup version; None where nothing limits it."""
    try:
        limit, period = v2_file.read_text().split()
    except (OSError, ValueError):
        return _quota_v1(v1_folder)
    return None if limit == "max" else int(limit) / int(period)


def _quota_v1(folder: Path) -> float | None:
    try:
        limit = int((folder / "cpu.cfs_quota_us").read_text())
        period = int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return limit / period if limit > 0 and period > 0 else None
