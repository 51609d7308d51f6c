"""The real policy on an imagined machine: what so many users would see on such a card.

Only the machine is a model (a step's time by sequences, a prompt token's time); who is admitted, who starts
and what a refused client is told comes from the same scheduler and admission that the engine uses.
"""

import heapq
import math
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
    """A request with its true sizes."""

    at: float
    """Seconds from the start of the simulation."""
    caller: str
    """The key of fairness."""
    prompt: int
    """Tokens."""
    output: int
    """Tokens that the answer would have without a limit."""
    cached: int = 0
    """Tokens of the prompt that are shared."""
    max_tokens: int = 2048
    """The most tokens that the answer may have."""
    limit: float = 180.0
    """Seconds from the arrival to the deadline."""
    service: str = "simulated"
    """Whose answers it is like in length."""
    attempt: int = 1
    """1 for the first time that the client asks."""
    answers: int = 1
    """How many are asked for, all of the same sizes; each has an outcome of its own, a refusal has one."""
    patience: float = math.inf
    """Seconds after which the client leaves."""


@dataclass(slots=True)
class SimulatedRequest:
    """What became of an arrival; times are seconds since it arrived, None for what did not happen."""

    arrival: Arrival
    """Who came."""
    retry_after: int | None = None
    """What a refused client was told."""
    predicted_first: float | None = None
    """The first token as predicted at the reservation."""
    predicted_end: float | None = None
    """The last token of a long answer as predicted at the reservation."""
    first: float | None = None
    """The first token."""
    end: float | None = None
    """The last token."""
    expired: bool = False
    """Whether the deadline passed first."""
    tokens: int = 0
    """Length of the answer, once it has ended."""


@dataclass(slots=True)
class RunningRequest:
    """A request in the batch."""

    ticket: Ticket
    """What the scheduler knows it by."""
    outcome: SimulatedRequest
    """What is to be noted of it."""
    unread: int
    """Tokens to read before the next one is generated."""


@dataclass
class Simulator:
    """One engine in virtual time."""

    machine: Machine
    """What it runs on."""
    limits: Limits = field(default_factory=lambda: Limits(256, 16))
    """Bounds of its queue."""
    slowdown: Callable[[], float] = lambda: 1.0
    """Factor on each step's time (noise, a busy neighbour)."""

    def __post_init__(self) -> None:
        machine = self.machine
        self.speeds = machine.speeds()
        capacity = Capacity(machine.sequences, machine.pool, machine.slice_seconds)
        self.scheduler = Scheduler(capacity, self.speeds)
        self.admission = AdmissionController(self.limits, self.scheduler)
        self.waiting: dict[Ticket, SimulatedRequest] = {}
        self.running: list[RunningRequest] = []
        self.preemptions = 0
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
        while coming or self.waiting or self.running:
            if not self.waiting and not self.running:
                now = max(now, coming[0][0])
            while coming and coming[0][0] <= now:
                arrival = heapq.heappop(coming)[2]
                again = self._arrive(arrival, refused)
                if again is not None:
                    number += 1
                    heapq.heappush(coming, (again.at, number, again))
            self._expire(now)
            self._admit()
            if self.running:
                now = self._step(now)
            elif coming:
                now = max(now, coming[0][0])
        return self._outcomes

    def _arrive(self, arrival: Arrival, refused: Callable[[Arrival, int], Arrival | None]) -> Arrival | None:
        fresh, deadline = arrival.prompt - arrival.cached, arrival.at + arrival.limit
        *others, last = [
            Ticket(
                arrival.service,
                arrival.caller,
                deadline,
                Progress(arrival.prompt, fresh, arrival.max_tokens),
            )
            for _ in range(arrival.answers)
        ]
        try:
            prediction = self.admission.reserve(last, arrival.at, others)
        except Overloaded as refusal:
            self._outcomes.append(SimulatedRequest(arrival, retry_after=refusal.retry_after))
            return refused(arrival, refusal.retry_after)
        for ticket in (*others, last):
            outcome = SimulatedRequest(
                arrival, predicted_first=prediction.first, predicted_end=prediction.end
            )
            self._outcomes.append(outcome)
            self.scheduler.prompt_known(ticket, arrival.prompt, fresh, arrival.prompt)
            self.waiting[ticket] = outcome
        return None

    def _expire(self, now: float) -> None:
        for ticket, outcome in [*self.waiting.items(), *((one.ticket, one.outcome) for one in self.running)]:
            outcome.expired = now >= ticket.deadline
            if outcome.expired or now >= outcome.arrival.at + outcome.arrival.patience:
                self.waiting.pop(ticket, None)
                self.running = [one for one in self.running if one.ticket is not ticket]
                self.scheduler.finished(ticket, now, complete=False)

    def _admit(self) -> None:
        while (ticket := self.scheduler.next(self._judge)) is not None:
            self.running.append(RunningRequest(ticket, self.waiting.pop(ticket), ticket.progress.fresh))

    def _judge(self, ticket: Ticket) -> StartDecision:
        held = self._held() + sum(self.scheduler.expected(one.ticket) for one in self.running)
        fits = held + ticket.progress.prompt + self.scheduler.expected(ticket) <= self.machine.pool
        return StartDecision.START if fits or not self.running else StartDecision.NO_ROOM

    def _held(self) -> int:
        """Cells of all that run."""
        return sum(one.ticket.progress.prompt + one.ticket.progress.produced for one in self.running)

    def _preempt(self) -> None:
        """As the engine makes room: who started last waits again."""
        while self._held() > self.machine.pool and len(self.running) > 1:
            last = self.running.pop()
            self.waiting[last.ticket] = last.outcome
            self.scheduler.requeue(last.ticket)
            self.preemptions += 1

    def _step(self, now: float) -> float:
        """As the engine steps: a token for all who generate, and prompts, whose end is a first token."""
        machine = self.machine
        generating = [one for one in self.running if not one.unread]
        reading = [one for one in self.running if one.unread]
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
        self._preempt()
        return now

    def _read(self, reading: list[RunningRequest], generating: int, call: float) -> float:
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

    def _produce(self, streams: list[RunningRequest], now: float) -> None:
        for one in streams:
            outcome, progress = one.outcome, one.ticket.progress
            if outcome.first is None:
                outcome.first = now - outcome.arrival.at
                self.scheduler.first_token(one.ticket, now)
            progress.produced += 1
            if progress.produced >= min(outcome.arrival.output, progress.max_tokens):
                outcome.end, outcome.tokens = now - outcome.arrival.at, progress.produced
                self.running.remove(one)
                self.scheduler.finished(one.ticket, now, complete=True)
