"""When each of those who wait will start, and when a newcomer would; kept until something changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from chatbot.scheduling.capacity import Capacity
from chatbot.scheduling.estimate import Estimate, Prediction
from chatbot.scheduling.fair_order import cost
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.replay import Load, PredictedStart, replay
from chatbot.scheduling.ticket import Ticket
from chatbot.scheduling.tuning import FORECAST_SECONDS
from chatbot.scheduling.waiting_queue import WaitingQueue

_ANY_LENGTH = 1 << 20
"""More tokens than any answer has."""

_NOTHING = Load(prefill=0.0, output=1.0, cells=1.0)
"""Behind all others: when a newcomer there would start."""


@dataclass(frozen=True, slots=True)
class NewcomerForecast:
    """What a request that comes now would meet; times are seconds from now."""

    index: int
    """Its index in the waiting queue."""
    queue: float
    """Until a stranger at this index would start."""
    start: float
    """Until it would start itself: later than ``queue`` where its caller's own requests hold it up."""
    first: float
    """Until its first token, rather too late than too early."""
    end: float
    """Until the last token of an answer that is longer than nearly all."""
    full: bool
    """Whether every sequence is taken then."""
    free: bool
    """Whether a sequence is free that nobody waits for."""
    at_once: bool
    """Whether it is free and its caller may have it."""
    longest: int
    """Tokens of an answer that would just end before its deadline if it started now, at the pace of now."""


class Forecast:
    """Predicted starts of all who wait and of one that would join now."""

    def __init__(self, capacity: Capacity, speeds: Speeds) -> None:
        self._capacity = capacity
        self._speeds = speeds
        self._made = float("-inf")
        self._safety = 1.0
        self._running: list[Load] = []
        self._waiting: list[Load] = []
        self._starts: list[PredictedStart] = []
        self._tickets: tuple[list[Ticket], list[Ticket]] = [], []
        self._estimates: Mapping[Ticket, Estimate] = {}
        self._likely_starts: list[PredictedStart] = []
        self._spare: list[float] = []

    def changed(self) -> None:
        """Something came, went or started; the next question makes a new forecast."""
        self._made = float("-inf")

    def refresh(
        self,
        now: float,
        running: Sequence[Ticket],
        queue: WaitingQueue,
        estimates: Mapping[Ticket, Estimate],
        safety: float,
    ) -> None:
        """Replay the schedule unless the last forecast still holds.

        Args:
            now: Monotonic seconds.
            running: Who runs.
            queue: Who waits.
            estimates: Of all of them.
            safety: Factor by which an end may come later than predicted.
        """
        if now - self._made < FORECAST_SECONDS:
            return
        self._made, self._safety = now, safety
        self._speeds.under_way((ticket.service, ticket.progress.produced) for ticket in running)
        self._running = [self.load(ticket) for ticket in running]
        self._waiting = [self.load(ticket) for ticket in queue.tickets]
        self._starts = self._replay(self._running, [*self._waiting, _NOTHING])
        self._tickets, self._estimates = (list(running), list(queue.tickets)), estimates
        self._likely_starts = []
        spare = [
            (ticket.deadline - now) / safety - estimates[ticket].duration - predicted.start
            for ticket, predicted in zip(queue.tickets, self._starts[:-1], strict=True)
        ]
        self._spare = list(accumulate(reversed(spare), min))[::-1]

    def start(self, index: int) -> PredictedStart:
        """Of the ticket at this index of the queue, rather too late than too early."""
        return self._starts[index]

    def likely_start(self, index: int) -> PredictedStart:
        """Of the ticket at this index as it will most probably be: what people are told.

        The next place is free when the shortest of many answers ends, long before their mean. So here each
        answer has a quantile of its own. How many short ones are among them is chance, though: a deadline is
        better judged by the mean.
        """
        return self._foreseen()[index]

    def prediction(self, newcomer: NewcomerForecast) -> Prediction:
        """What the newcomer is told of itself."""
        index = newcomer.index
        sooner = _stranger_start(self._starts, index) - _stranger_start(self._foreseen(), index)
        return Prediction(newcomer.first - min(sooner, newcomer.start), newcomer.end)

    def newcomer(self, ticket: Ticket, key: float, queue: WaitingQueue, now: float) -> NewcomerForecast:
        """What a ticket with this key in the fair order would meet."""
        load = self.load(ticket)
        full = self._speeds.steps.seconds(self._capacity.sequences)
        free = self._starts[-1].start == 0.0
        # Nobody behind waits longer for it than it lasts, and with places enough much less.
        index = queue.index_for(ticket, key, self._spare, load.prefill + load.output * full)
        age = now - self._made
        started = self._start_of(load, index)
        start = max(0.0, started - age)
        beside = min(len(self._running) + len(self._waiting) + 1, self._capacity.sequences)
        step = self._speeds.steps.seconds(beside)
        pace = step + self._between(ticket.service, beside)
        first = start + load.prefill + step
        output = self._speeds.lengths(ticket.service).long(ticket.progress.max_tokens)
        return NewcomerForecast(
            index=index,
            queue=min(start, max(0.0, _stranger_start(self._starts, index) - age)),
            start=start,
            first=first,
            end=first + output * pace,
            full=beside == self._capacity.sequences,
            free=free,
            at_once=free and started == 0.0,
            longest=max(1, int(((ticket.deadline - now) / self._safety - load.prefill) / pace)),
        )

    def load(self, ticket: Ticket) -> Load:
        """What the ticket still needs, with an answer of mean length."""
        return self._load(ticket, self.output(ticket))

    def output(self, ticket: Ticket) -> float:
        """Tokens that the ticket is expected to produce from now on."""
        progress = ticket.progress
        return self._speeds.lengths(ticket.service).remaining(progress.produced, progress.max_tokens)

    def price(self, ticket: Ticket) -> float:
        """Weighted tokens that the fair order will charge for the whole ticket."""
        return cost(ticket.progress.fresh, ticket.progress.produced + self.output(ticket))

    def weighted_tokens_per_second(self) -> float:
        """What the engine does when it is full."""
        full = self._capacity.sequences
        return cost(0.0, full / self._speeds.steps.seconds(full))

    def work(self, load: Load) -> float:
        """Seconds by which a load lengthens the queue: its prefill and its share of full steps."""
        full = self._capacity.sequences
        return load.prefill + load.output * self._speeds.steps.seconds(full) / full

    def usual_work(self, service: str) -> float:
        """Seconds by which a usual request of the service lengthens the queue."""
        prefill = self._speeds.fresh_tokens.value * self._speeds.prefill.seconds
        return self.work(Load(prefill, self._speeds.lengths(service).remaining(0, _ANY_LENGTH), 0.0))

    def _between(self, service: str, beside: int) -> float:
        """Seconds of prefill after each step, where everyone who ends is followed by a usual prompt."""
        prefill = self._speeds.fresh_tokens.value * self._speeds.prefill.seconds
        whole = self._speeds.lengths(service).remaining(0, _ANY_LENGTH)
        return (beside - 1) * prefill / whole

    def _start_of(self, load: Load, index: int) -> float:
        own = sum(other.caller == load.caller for other in (*self._running, *self._waiting))
        if own < self._capacity.share:
            return _stranger_start(self._starts, index)
        # Its caller's share of the sequences may hold it up longer than its place does.
        waiting = [*self._waiting[:index], load, *self._waiting[index:]]
        return self._replay(self._running, waiting)[index].start

    def _foreseen(self) -> list[PredictedStart]:
        if not self._likely_starts:
            running, waiting = ([self._likely_load(ticket) for ticket in side] for side in self._tickets)
            self._likely_starts = self._replay(running, [*waiting, _NOTHING])
        return self._likely_starts

    def _replay(self, running: Sequence[Load], waiting: Sequence[Load]) -> list[PredictedStart]:
        return replay(running, waiting, self._capacity, self._speeds.steps)

    def _likely_load(self, ticket: Ticket) -> Load:
        lengths, progress = self._speeds.lengths(ticket.service), ticket.progress
        quantile = self._estimates[ticket].quantile
        return self._load(ticket, lengths.spread(progress.produced, progress.max_tokens, quantile))

    def _load(self, ticket: Ticket, output: float) -> Load:
        progress = ticket.progress
        prefill = max(0, progress.fresh - progress.read) * self._speeds.prefill.seconds
        return Load(prefill, output, progress.prompt + progress.produced + output, ticket.caller)


def _stranger_start(starts: Sequence[PredictedStart], index: int) -> float:
    """Seconds until a newcomer at this index would start: as soon as anybody there or behind does.

    The one who stands there now may start later than those behind it, held up by its caller's share.
    """
    return min(predicted.start for predicted in starts[index:])
