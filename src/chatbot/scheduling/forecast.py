"""Predictions from the state at the door: the replay, kept until something changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from chatbot.scheduling.fair_order import cost
from chatbot.scheduling.job import Capacity, Job
from chatbot.scheduling.line import Line
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.replay import Load, Outlook, replay

_ANY_LENGTH = 1 << 20
"""More tokens than any answer has."""

_NOTHING = Load(prefill=0.0, output=1.0, cells=1.0)
"""Behind all others: when a newcomer there would start."""

_STALE = 0.5
"""Seconds after which a forecast is made anew even if no request came or went."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a newcomer would stand: its index in the line, and seconds from now to each of its events.

    ``queue`` are the seconds until a stranger in its place would start; its caller's own requests may hold it
    up longer. ``end`` is that of a long answer, as nearly all are shorter. ``crowded`` means that all
    sequences are taken then: only such a prediction tells how true the speeds are, as in an empty engine it
    depends on who comes afterwards.
    """

    place: int
    queue: float
    start: float
    first: float
    end: float
    crowded: bool


class Forecast:
    """The outlook of all waiting jobs and of one that would join now."""

    def __init__(self, capacity: Capacity, speeds: Speeds) -> None:
        self._capacity = capacity
        self._speeds = speeds
        self._made = float("-inf")
        self._running: list[Load] = []
        self._waiting: list[Load] = []
        self._outlooks: list[Outlook] = []
        self._jobs: tuple[list[Job], list[Job]] = [], []
        self._foreseen: list[Outlook] = []
        self._spare: list[float] = []

    def changed(self) -> None:
        """Something came, went or started; the next question makes a new forecast."""
        self._made = float("-inf")

    def refresh(self, now: float, running: Sequence[Job], line: Line, safety: float) -> None:
        """Replay the schedule unless the last forecast still holds.

        ``safety`` is the factor by which an end may come later than predicted.
        """
        if now - self._made < _STALE:
            return
        self._made = now
        self._speeds.under_way((job.service, job.produced) for job in running)
        self._running = [self.load(job) for job in running]
        self._waiting = [self.load(job) for job in line.jobs]
        self._outlooks = self._replay(self._running, [*self._waiting, _NOTHING])
        self._jobs, self._foreseen = (list(running), list(line.jobs)), []
        spare = [
            (job.deadline - now) / safety - job.duration - outlook.start
            for job, outlook in zip(line.jobs, self._outlooks[:-1], strict=True)
        ]
        self._spare = list(accumulate(reversed(spare), min))[::-1]

    def outlook(self, place: int) -> Outlook:
        """Of the job at this index of the line, rather too late than too early."""
        return self._outlooks[place]

    def foreseen(self, place: int) -> Outlook:
        """Of the job at this index as it will most probably be: what people are told.

        The next place is free when the shortest of many answers ends, long before their mean. So here each
        answer has a quantile of its own. How many short ones are among them is chance, though: a deadline is
        better judged by the mean.
        """
        if not self._foreseen:
            running, waiting = ([self._likely(job) for job in jobs] for jobs in self._jobs)
            self._foreseen = self._replay(running, [*waiting, _NOTHING])
        return self._foreseen[place]

    def first_token(self, standing: Standing) -> float:
        """Seconds from now to the first token of who would stand so, as foreseen."""
        sooner = self._outlooks[standing.place].start - self.foreseen(standing.place).start
        return standing.first - min(sooner, standing.start)

    def newcomer(self, job: Job, key: float, line: Line, now: float) -> Standing:
        """Where a job with this key in the fair order would stand."""
        load = self.load(job)
        full = self._speeds.steps.seconds(self._capacity.sequences)
        # Nobody behind waits longer for it than it lasts, and with places enough much less.
        place = line.place(job, key, self._spare, load.prefill + load.output * full)
        age = now - self._made
        start = max(0.0, self._start(load, place) - age)
        queue = min(start, max(0.0, self._outlooks[place].start - age))
        beside = min(len(self._running) + len(self._waiting) + 1, self._capacity.sequences)
        step = self._speeds.steps.seconds(beside)
        first = start + load.prefill + step
        output = self._speeds.lengths(job.service).long(job.max_tokens)
        end = first + output * (step + self._between(job.service, beside))
        return Standing(place, queue, start, first, end, beside == self._capacity.sequences)

    def _between(self, service: str, beside: int) -> float:
        """Seconds of prefill after each step, where everyone who ends is followed by a usual prompt."""
        prefill = self._speeds.fresh_tokens.value * self._speeds.prefill.seconds
        whole = self._speeds.lengths(service).remaining(0, _ANY_LENGTH)
        return (beside - 1) * prefill / whole

    def _start(self, load: Load, place: int) -> float:
        own = sum(other.caller == load.caller for other in (*self._running, *self._waiting))
        if own < self._capacity.share:
            return self._outlooks[place].start
        # Its caller's share of the sequences may hold it up longer than its place does.
        waiting = [*self._waiting[:place], load, *self._waiting[place:]]
        return self._replay(self._running, waiting)[place].start

    def _replay(self, running: Sequence[Load], waiting: Sequence[Load]) -> list[Outlook]:
        return replay(running, waiting, self._capacity, self._speeds.steps)

    def _likely(self, job: Job) -> Load:
        lengths = self._speeds.lengths(job.service)
        return self._load(job, lengths.spread(job.produced, job.max_tokens, job.quantile))

    def load(self, job: Job) -> Load:
        """What the job still needs, as the measured speeds see it."""
        return self._load(job, self.output(job))

    def _load(self, job: Job, output: float) -> Load:
        prefill = max(0, job.fresh - job.read) * self._speeds.prefill.seconds
        return Load(prefill, output, job.prompt + job.produced + output, job.caller)

    def output(self, job: Job) -> float:
        """Tokens that the job is expected to produce from now on."""
        return self._speeds.lengths(job.service).remaining(job.produced, job.max_tokens)

    def cost(self, job: Job) -> float:
        """Weighted tokens that the fair order will charge for the whole job."""
        return cost(job.fresh, job.produced + self.output(job))

    def pace(self) -> float:
        """Weighted tokens a second of the engine when it is full."""
        full = self._capacity.sequences
        return cost(0.0, full / self._speeds.steps.seconds(full))

    def work(self, load: Load) -> float:
        """Seconds by which a job lengthens the queue: its prefill and its share of full steps."""
        full = self._capacity.sequences
        return load.prefill + load.output * self._speeds.steps.seconds(full) / full
