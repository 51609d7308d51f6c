"""Predictions from the state at the door: the replay, kept until something changes."""

from bisect import bisect_right
from collections.abc import Sequence

from chatbot.scheduling.fair_order import FairOrder, cost
from chatbot.scheduling.job import Capacity, Job
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.replay import Load, Outlook, replay

_STALE = 0.5
"""Seconds after which a forecast is made anew even if no request came or went."""


class Forecast:
    """The outlook of all waiting jobs and of one that would join now."""

    def __init__(self, capacity: Capacity, speeds: Speeds) -> None:
        self._capacity = capacity
        self._speeds = speeds
        self._made = float("-inf")
        self.order: list[Job] = []
        self._keys: list[float] = []
        self._outlooks: list[Outlook] = []
        self._busy = 0
        self.starts: tuple[float, ...] = ()
        """Seconds from the forecast until each waiting job has started, in order."""

    def changed(self) -> None:
        """Something came, went or started; the next question makes a new forecast."""
        self._made = float("-inf")

    def refresh(self, now: float, running: Sequence[Job], waiting: Sequence[Job], fair: FairOrder) -> None:
        """Replay the schedule unless the last forecast still holds."""
        if now - self._made < _STALE:
            return
        self._made = now
        self._speeds.under_way((job.service, job.produced) for job in running)
        arranged = fair.arrange([(job, self.cost(job)) for job in waiting])
        self._keys = [key for key, _ in arranged]
        self.order = [job for _, job in arranged]
        # The last entry is an empty request: when a newcomer behind all others would start.
        loads = [*(self.load(job) for job in self.order), Load(0.0, 1.0, 1.0)]
        self._outlooks = replay(
            [self.load(job) for job in running], loads, self._capacity, self._speeds.steps
        )
        self.starts = tuple(outlook.start for outlook in self._outlooks[:-1])
        self._busy = len(running) + len(waiting)

    def outlook(self, place: int) -> Outlook:
        """Of the job at this index of ``order``."""
        return self._outlooks[place]

    def newcomer(self, job: Job, key: float, now: float) -> tuple[float, float]:
        """Seconds to the first and, if its answer gets long, the last token of a job that would join now.

        ``key`` is its key in the fair order.
        """
        place = bisect_right(self._keys, key)
        start = max(0.0, self._outlooks[place].start - (now - self._made))
        load = self.load(job)
        together = min(self._busy + 1, self._capacity.sequences)
        first = start + load.prefill + self._speeds.steps.seconds(together)
        output = self._speeds.lengths(job.service).long(job.max_tokens)
        return first, first + output * self._speeds.steps.seconds(together)

    def load(self, job: Job) -> Load:
        """What the job still needs, as the measured speeds see it."""
        output = self.output(job)
        prefill = max(0, job.fresh - job.read) * self._speeds.prefill.seconds
        return Load(prefill, output, job.prompt + job.produced + output)

    def output(self, job: Job) -> float:
        """Tokens that the job is expected to produce from now on."""
        return self._speeds.lengths(job.service).remaining(job.produced, job.max_tokens)

    def cost(self, job: Job) -> float:
        """Weighted tokens that the fair order will charge for the whole job."""
        return cost(job.fresh, job.produced + self.output(job))

    def work(self, job: Job) -> float:
        """Seconds by which the job lengthens the queue: its prefill and its share of full steps."""
        load = self.load(job)
        full = self._capacity.sequences
        return load.prefill + load.output * self._speeds.steps.seconds(full) / full
