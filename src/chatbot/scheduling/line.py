"""Who starts next: those who wait, in an order that is fixed when they come.

A newcomer stands where the fair order says, unless somebody behind that place was promised an end in time
and has no seconds to spare; then he stands behind the last of these. So a promise given at the door is never
spent on those who come later, and fairness holds as far as promises allow.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from chatbot.scheduling.job import Job


class Line:
    """Jobs with their keys in the fair order; keys never decrease along the line."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._keys: list[float] = []

    @property
    def jobs(self) -> Sequence[Job]:
        """All jobs in the order of service."""
        return self._jobs

    def place(self, job: Job, key: float, spare: Sequence[float], longest: float) -> int:
        """The index at which the job would stand.

        ``spare`` are, for each place, the fewest seconds that anybody there or behind can wait longer;
        ``longest`` are the seconds that the job could cost one of them. A caller's own jobs keep their order.
        """
        first = bisect_right(self._keys, key)
        own = (i for i in range(len(self._jobs) - 1, first - 1, -1) if self._jobs[i].caller == job.caller)
        return bisect_left(spare, longest, lo=next(own, first - 1) + 1)

    def join(self, job: Job, key: float, place: int) -> None:
        """Take the place found for the key."""
        self._keys.insert(place, max(key, self._keys[place - 1]) if place else key)
        self._jobs.insert(place, job)

    def rejoin(self, job: Job) -> None:
        """A job that was served already stands in front of all others."""
        self._jobs.insert(0, job)
        self._keys.insert(0, self._keys[0] if self._keys else 0.0)

    def leave(self, job: Job) -> None:
        """The job starts or is given up."""
        index = self._jobs.index(job)
        del self._jobs[index], self._keys[index]

    def __contains__(self, job: Job) -> bool:
        return job in self._jobs

    def __len__(self) -> int:
        return len(self._jobs)
