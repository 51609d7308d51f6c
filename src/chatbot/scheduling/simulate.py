"""The real policy on an imagined machine: what so many users would see on such a card.

Only the machine is a model (a step's time by sequences, a prompt token's time); who is admitted, who starts
and what a refused client is told comes from the same scheduler and admission that the engine uses.
"""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from chatbot.domain.errors import Overloaded
from chatbot.scheduling.admission import AdmissionController, Limits
from chatbot.scheduling.capacity import Capacity
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.scheduler import Scheduler, StartDecision
from chatbot.scheduling.slices import prefill_rows, share_out
from chatbot.scheduling.ticket import Progress, Ticket


@dataclass(frozen=True, slots=True)
class Machine:
    """Seconds of a prompt token, of a decode step (``base + each * n``), and what fits at once.

    ``steps``, where given, are measured pairs of sequences and seconds in rising order, and decide instead of
    the line: a card's steps are no line, since it changes kernels with the size of the batch.

    A step of at most ``shared_rows`` tokens reads prompts in the call that decodes. Else they are read in a
    second call, after the decoded tokens are delivered, which takes ``call`` seconds beside its tokens.
    """

    prefill: float
    base: float
    each: float
    sequences: int = 24
    pool: int = 16384
    slice_seconds: float = 0.25
    steps: tuple[tuple[int, float], ...] = ()
    call: float = 0.0
    shared_rows: int = 1 << 20

    def step(self, sequences: int) -> float:
        """Seconds of a decode step with so many sequences; between measured sizes in proportion."""
        if not self.steps:
            return self.base + self.each * sequences
        if sequences <= self.steps[0][0]:
            return self.steps[0][1]
        for (below, least), (above, most) in pairwise(self.steps):
            if sequences <= above:
                return least + (most - least) * (sequences - below) / (above - below)
        return self.steps[-1][1] * sequences / self.steps[-1][0]

    def speeds(self) -> Speeds:
        """What a warm-up on this machine would measure."""
        return Speeds(prefill=self.prefill, base=self.base, each=self.each)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request: when, by whom, its true sizes, and its time limit. ``cached`` prompt tokens are shared."""

    at: float
    caller: str
    prompt: int
    output: int
    cached: int = 0
    max_tokens: int = 2048
    limit: float = 180.0
    service: str = "simulated"
    attempt: int = 1


@dataclass(slots=True)
class SimulatedRequest:
    """What became of an arrival; times are seconds since it arrived."""

    arrival: Arrival
    retry_after: int | None = None
    predicted_first: float | None = None
    predicted_end: float | None = None
    first: float | None = None
    end: float | None = None
    expired: bool = False


@dataclass(slots=True)
class _Running:
    ticket: Ticket
    outcome: SimulatedRequest
    unread: int
    left: int


@dataclass
class Simulator:
    """One engine in virtual time. ``slowdown`` multiplies each step's time (noise, a busy neighbour)."""

    machine: Machine
    limits: Limits = field(default_factory=lambda: Limits(256, 16))
    slowdown: Callable[[], float] = lambda: 1.0

    def __post_init__(self) -> None:
        machine = self.machine
        self.speeds = machine.speeds()
        capacity = Capacity(machine.sequences, machine.pool, machine.slice_seconds)
        self.scheduler = Scheduler(capacity, self.speeds)
        self.admission = AdmissionController(self.limits, self.scheduler)
        self._waiting: dict[Ticket, SimulatedRequest] = {}
        self._running: list[_Running] = []
        self._outcomes: list[SimulatedRequest] = []

    def run(
        self,
        arrivals: Iterable[Arrival],
        refused: Callable[[Arrival, int], Arrival | None] = lambda _arrival, _seconds: None,
    ) -> list[SimulatedRequest]:
        """Play all arrivals to their ends. ``refused`` may send a request again, later."""
        coming = [(arrival.at, number, arrival) for number, arrival in enumerate(arrivals)]
        heapq.heapify(coming)
        number, now = len(coming), 0.0
        while coming or self._waiting or self._running:
            if not self._waiting and not self._running:
                now = max(now, coming[0][0])
            while coming and coming[0][0] <= now:
                arrival = heapq.heappop(coming)[2]
                again = self._arrive(arrival, refused)
                if again is not None:
                    number += 1
                    heapq.heappush(coming, (again.at, number, again))
            self._expire(now)
            self._admit()
            if self._running:
                now = self._step(now)
            elif coming:
                now = max(now, coming[0][0])
        return self._outcomes

    def _arrive(self, arrival: Arrival, refused: Callable[[Arrival, int], Arrival | None]) -> Arrival | None:
        outcome = SimulatedRequest(arrival)
        self._outcomes.append(outcome)
        progress = Progress(arrival.prompt, arrival.prompt - arrival.cached, arrival.max_tokens)
        ticket = Ticket(arrival.service, arrival.caller, arrival.at + arrival.limit, progress)
        try:
            prediction = self.admission.reserve(ticket, arrival.at)
        except Overloaded as refusal:
            outcome.retry_after = refusal.retry_after
            return refused(arrival, refusal.retry_after)
        outcome.predicted_first, outcome.predicted_end = prediction.first, prediction.end
        self.scheduler.prompt_known(ticket, arrival.prompt, arrival.prompt - arrival.cached, arrival.prompt)
        self._waiting[ticket] = outcome
        return None

    def _expire(self, now: float) -> None:
        for ticket in [ticket for ticket in self._waiting if now >= ticket.deadline]:
            self._waiting.pop(ticket).expired = True
            self.scheduler.finished(ticket, now, complete=False)
        for running in [one for one in self._running if now >= one.ticket.deadline]:
            running.outcome.expired = True
            self._running.remove(running)
            self.scheduler.finished(running.ticket, now, complete=False)

    def _admit(self) -> None:
        while (ticket := self.scheduler.next(self._judge)) is not None:
            outcome = self._waiting.pop(ticket)
            self._running.append(_Running(ticket, outcome, ticket.progress.fresh, outcome.arrival.output))

    def _judge(self, ticket: Ticket) -> StartDecision:
        held = sum(
            one.ticket.progress.prompt + one.ticket.progress.produced + self.scheduler.expected(one.ticket)
            for one in self._running
        )
        fits = held + ticket.progress.prompt + self.scheduler.expected(ticket) <= self.machine.pool
        return StartDecision.START if fits or not self._running else StartDecision.NO_ROOM

    def _step(self, now: float) -> float:
        """As the engine steps: a token for all who generate, and prompts, whose end is a first token."""
        machine = self.machine
        generating = [one for one in self._running if not one.unread]
        reading = [one for one in self._running if one.unread]
        unread = sum(one.unread for one in reading)
        apart = not generating or len(generating) + unread > machine.shared_rows
        if generating:
            seconds = machine.step(len(generating)) * self.slowdown()
            self.speeds.steps.saw(len(generating), seconds)
            now += seconds
        if apart:
            self._produce(generating, now)
        if reading:
            now += self._read(reading, len(generating), machine.call if apart else 0.0)
        if not apart:
            self._produce(generating, now)
        self._produce([one for one in reading if not one.unread], now)
        return now

    def _read(self, reading: list[_Running], generating: int, call: float) -> float:
        """Read a slice of the prompts; its seconds."""
        budget = prefill_rows(
            len(reading),
            generating,
            slice_seconds=self.machine.slice_seconds,
            token_seconds=self.speeds.prefill.seconds,
        )
        shares = share_out([one.unread for one in reading], budget)
        for one, count in zip(reading, shares, strict=True):
            one.unread -= count
            one.ticket.progress.read += count
        read = sum(shares)
        seconds = read * self.machine.prefill * self.slowdown()
        self.speeds.prefill.saw(read, seconds)
        return call + seconds

    def _produce(self, streams: list[_Running], now: float) -> None:
        for one in streams:
            arrived = one.outcome.arrival.at
            if one.outcome.first is None:
                one.outcome.first = now - arrived
                self.scheduler.first_token(one.ticket, now)
            one.ticket.progress.produced += 1
            one.left -= 1
            if one.left <= 0:
                one.outcome.end = now - arrived
                self._running.remove(one)
                self.scheduler.finished(one.ticket, now, complete=True)
