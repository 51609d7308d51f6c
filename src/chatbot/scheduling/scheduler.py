"""Who has a place at the engine and who starts next.

The event loop reserves (through ``AdmissionController``), tells when a prompt is known, and gives up places
that were never used. The engine's thread calls everything else. One lock guards it all and is only held for
arithmetic, never during a decode.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from itertools import islice

from chatbot.scheduling.calibration import Calibration
from chatbot.scheduling.capacity import Capacity
from chatbot.scheduling.estimate import Estimate, Prediction
from chatbot.scheduling.fair_order import FairOrder, cost
from chatbot.scheduling.forecast import Forecast
from chatbot.scheduling.newcomer import Newcomer
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.ticket import Ticket
from chatbot.scheduling.tuning import LEAST_MARGIN, MARGIN_SHARE, MOST_JUDGED, MOST_MARGIN, MOST_OVERTAKES
from chatbot.scheduling.waiting_queue import WaitingQueue


class StartDecision(Enum):
    """The engine's answer to whether a ticket can start now."""

    START = "start"
    LATER = "later"
    """What it would share is being computed; others may go first."""
    NO_ROOM = "no room"
    """The KV pool is too full for it."""


class Scheduler:
    """Keeps everyone with a place, in the queue or in the batch; see the module."""

    def __init__(self, capacity: Capacity, speeds: Speeds) -> None:
        self._capacity = capacity
        self._speeds = speeds
        self._lock = threading.Lock()
        self._queue = WaitingQueue()
        self._running: dict[Ticket, None] = {}
        self._estimates: dict[Ticket, Estimate] = {}
        self._places: Counter[str] = Counter()
        self._fair = FairOrder()
        self._empty: list[Callable[[], object]] = []
        self._joined = 0
        self._forecast = Forecast(capacity, speeds)
        self._end_error = Calibration(lowest=LEAST_MARGIN, highest=MOST_MARGIN, share=MARGIN_SHARE)

    @contextmanager
    def locked(self, now: float) -> Iterator[None]:
        """Nothing changes while somebody decides about a newcomer."""
        with self._lock:
            self._refresh(now)
            yield

    def newcomer(self, ticket: Ticket, now: float) -> Newcomer:
        """What the ticket would meet if it joined; within ``locked``."""
        self._refresh(now)
        key = self._fair.key(ticket.caller, now)
        others = len({other.caller for other in self._queue.tickets} - {ticket.caller})
        debt = self._fair.debt(ticket.caller)
        return Newcomer(
            ticket=ticket,
            now=now,
            key=key,
            forecast=self._forecast.newcomer(ticket, key, self._queue, now),
            waiting=len(self._queue),
            work=self._forecast.work(self._forecast.load(ticket)),
            overtaking=debt * others / self._forecast.weighted_tokens_per_second(),
            safety=self._end_error.factor,
        )

    def join(self, newcomer: Newcomer) -> Prediction:
        """Give the newcomer its place in the queue; within the ``locked`` that it was made in."""
        ticket, forecast = newcomer.ticket, newcomer.forecast
        prediction = self._forecast.prediction(forecast)
        ticket.progress.max_tokens = min(ticket.progress.max_tokens, forecast.longest)
        self._estimates[ticket] = estimate = Estimate(
            reserved=newcomer.now,
            prediction=prediction,
            price=self._forecast.price(ticket),
            duration=forecast.end - forecast.start,
            full=forecast.full,
            quantile=_spread_evenly(self._joined),
        )
        self._joined += 1
        self._queue.join(ticket, newcomer.key, forecast.index)
        self._places[ticket.caller] += 1
        self._fair.joined(ticket.caller, estimate.price)
        self._forecast.changed()
        return prediction

    def usual_work(self, service: str) -> float:
        """Seconds by which a usual request of the service lengthens the queue; within ``locked``."""
        return self._forecast.usual_work(service)

    def places_of(self, caller: str) -> int:
        """The caller's places, waiting and running; within ``locked``."""
        return self._places[caller]

    def until_own_end(self, caller: str) -> float:
        """Seconds until one of the caller's places is probably free; within ``locked``."""
        own = [ticket for ticket in self._running if ticket.caller == caller]
        if own:
            least = min(self._forecast.output(ticket) for ticket in own)
            return least * self._speeds.steps.seconds(len(self._running))
        indexes = (i for i, ticket in enumerate(self._queue.tickets) if ticket.caller == caller)
        index = next(indexes, None)
        return 0.0 if index is None else self._forecast.start(index).first

    def prompt_known(self, ticket: Ticket, prompt: int, fresh: int, characters: int) -> None:
        """The true size of the prompt in tokens; from now on the ticket may start.

        Args:
            ticket: Whose prompt.
            prompt: Its tokens.
            fresh: How many of these probably no cache holds.
            characters: Length of the texts that it was made of.
        """
        with self._lock:
            ticket.progress.known(prompt, fresh)
            self._speeds.tokens_per_char.saw(prompt, max(1, characters))
            self._forecast.changed()

    def next(self, judge: Callable[[Ticket], StartDecision]) -> Ticket | None:
        """The next ticket to start, by the queue's order and by what ``judge`` says; it counts as running.

        Only the engine's thread starts tickets, so it judges without the lock; it may be slow.
        """
        with self._lock:
            if not self._queue or len(self._running) >= self._capacity.sequences:
                return None
            at_their_share = self._at_their_share()
            able = (
                ticket
                for ticket in self._queue.tickets
                if ticket.progress.ready and ticket.caller not in at_their_share
            )
            candidates = list(islice(able, MOST_JUDGED))
        blocked: list[Ticket] = []
        for ticket in candidates:
            decision = judge(ticket)
            if decision is StartDecision.START and self._started(ticket, blocked):
                return ticket
            if decision is StartDecision.NO_ROOM:
                if self._overtaken(ticket) >= MOST_OVERTAKES:
                    return None
                blocked.append(ticket)
        return None

    def requeue(self, ticket: Ticket) -> None:
        """A preempted ticket waits again, before all others."""
        with self._lock:
            del self._running[ticket]
            self._queue.rejoin(ticket)
            ticket.progress.preempted()
            self._fair.started(ticket.caller, -self._estimates[ticket].price)
            self._forecast.changed()

    def first_token(self, ticket: Ticket, now: float) -> tuple[float, float]:
        """The ticket's first token is there: seconds from its reservation, as predicted and as they were."""
        with self._lock:
            self._speeds.fresh_tokens.saw(ticket.progress.fresh, 1.0)
            estimate = self._estimates[ticket]
            return estimate.prediction.first, now - estimate.reserved

    def finished(self, ticket: Ticket, now: float, *, complete: bool) -> None:
        """The ticket ends; ``complete`` when its answer ended by itself. Harmless when repeated."""
        with self._lock:
            self.leave(ticket, now, complete=complete)

    def leave(self, ticket: Ticket, now: float, *, complete: bool = False) -> None:
        """What ``finished`` does; within ``locked``."""
        estimate = self._estimates.pop(ticket, None)
        if estimate is None:
            return
        progress = ticket.progress
        if ticket in self._running:
            del self._running[ticket]
            spent = cost(progress.fresh, progress.produced)
            self._fair.left(ticket.caller, correction=spent - estimate.price)
        else:
            self._queue.leave(ticket)
            self._fair.left(ticket.caller, waiting=estimate.price)
        if complete:
            self._speeds.lengths(ticket.service).saw(progress.produced)
        if estimate.full and (complete or now >= ticket.deadline):
            self._end_error.saw(estimate.prediction.end, now - estimate.reserved)
        self._places[ticket.caller] -= 1
        if not self._places[ticket.caller]:
            del self._places[ticket.caller]
        self._forecast.changed()
        self._tell_if_empty()

    def queue_positions(self, now: float) -> list[tuple[Ticket, int, float]]:
        """Waiting tickets with their positions (1 starts next) and seconds to their first tokens."""
        with self._lock:
            self._refresh(now)
            return [
                (ticket, index + 1, self._forecast.likely_start(index).first)
                for index, ticket in enumerate(self._queue.tickets)
            ]

    def expected(self, ticket: Ticket) -> int:
        """Tokens that the ticket will probably still produce."""
        return int(self._forecast.output(ticket))

    def waiting(self, service: str | None = None) -> int:
        """Places that have not begun to generate, of one service or of all."""
        return sum(1 for ticket in list(self._queue.tickets) if service is None or ticket.service == service)

    def places(self) -> int:
        """All places, waiting and running."""
        return len(self._queue) + len(self._running)

    def when_empty(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` once as soon as no place is taken, on whatever thread gives up the last."""
        with self._lock:
            self._empty.append(tell)
            self._tell_if_empty()

    def _at_their_share(self) -> set[str]:
        """Callers who have all the sequences that one may have."""
        counts = Counter(ticket.caller for ticket in self._running)
        return {caller for caller, count in counts.items() if count >= self._capacity.share}

    def _started(self, ticket: Ticket, blocked: list[Ticket]) -> bool:
        with self._lock:
            if ticket not in self._queue:
                return False
            self._queue.leave(ticket)
            self._running[ticket] = None
            self._fair.started(ticket.caller, self._estimates[ticket].price)
            self._forecast.changed()
            for other in blocked:
                if other in self._estimates:
                    self._estimates[other].overtaken += 1
            return True

    def _overtaken(self, ticket: Ticket) -> int:
        with self._lock:
            estimate = self._estimates.get(ticket)
            return estimate.overtaken if estimate else 0

    def _tell_if_empty(self) -> None:
        if not self._queue and not self._running:
            for tell in self._empty:
                tell()
            self._empty.clear()

    def _refresh(self, now: float) -> None:
        self._forecast.refresh(now, list(self._running), self._queue, self._estimates, self._end_error.factor)


def _spread_evenly(number: int) -> float:
    """The number's place in van der Corput's sequence: neighbours are spread evenly over 0 to 1."""
    return int(f"{number % 65536:016b}"[::-1], 2) / 65536
