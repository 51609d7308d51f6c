"""The door to the engine: who gets a place, who starts next, and what a refused client is told.

Called from the event loop (reserve, release) and from the engine's thread (everything else) under one lock
that is only ever held for arithmetic, never during a decode.
"""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from chatbot.domain.errors import Overloaded
from chatbot.scheduling.calibration import Calibration
from chatbot.scheduling.fair_order import AGEING, FairOrder, cost
from chatbot.scheduling.forecast import Forecast
from chatbot.scheduling.job import Capacity, Job
from chatbot.scheduling.promises import Promise, Promises
from chatbot.scheduling.rates import Speeds

_OVERTAKES = 8
"""Requests that may start before one that waits for KV room; then all wait for it."""

_CONSIDERED = 16
"""Waiting requests that are judged for one free place."""

_LONGEST_RETRY = 600.0


class Verdict(Enum):
    """The engine's answer to whether a job can start now."""

    START = "start"
    LATER = "later"
    """What it would share is being computed; others may go first."""
    NO_ROOM = "no room"
    """The KV pool is too full for it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the queue: places waiting in all, places of one caller waiting and running."""

    waiting: int
    per_caller: int


class Door:
    """Counts places; see the module."""

    def __init__(self, limits: Limits, capacity: Capacity, speeds: Speeds) -> None:
        self._limits = limits
        self._capacity = capacity
        self._speeds = speeds
        self._lock = threading.Lock()
        self._waiting: dict[Job, None] = {}
        self._running: dict[Job, None] = {}
        self._callers: dict[str, int] = {}
        self._fair = FairOrder()
        self._promises = Promises()
        self._empty: list[Callable[[], object]] = []
        self._forecast = Forecast(capacity, speeds)
        self._wait_error = Calibration(lowest=0.5, highest=3.0, start=1.0, share=0.5)
        self._end_error = Calibration(lowest=1.0, highest=1.6, start=1.1, share=0.9)

    def reserve(self, job: Job, now: float) -> None:
        """Check and count in one step.

        Raises:
            Overloaded: with the seconds after which the same request will be admitted.
        """
        with self._lock:
            self._forecast.refresh(now, list(self._running), list(self._waiting), self._fair)
            if self._callers.get(job.caller, 0) >= self._limits.per_caller:
                raise self._refused(self._until_own_end(job.caller), "share of this user full")
            if len(self._waiting) >= self._limits.waiting:
                raise self._refused(self._until_free_place(job, now), "queue full")
            self._check_deadline(job, now)
            job.reserved = now
            self._waiting[job] = None
            self._callers[job.caller] = self._callers.get(job.caller, 0) + 1
            self._fair.joined(job.caller)
            self._forecast.changed()

    def prompt_known(self, job: Job, prompt: int, fresh: int, characters: int) -> None:
        """The true size of the prompt, and how much of it no cache holds; from now on it may start."""
        with self._lock:
            job.prompt, job.fresh, job.ready = prompt, fresh, True
            self._speeds.tokens_per_char.saw(prompt, max(1, characters))
            self._forecast.changed()

    def next(self, now: float, judge: Callable[[Job], Verdict]) -> Job | None:
        """The next job to start, by fair order and by what ``judge`` says of each; it counts as running.

        Only the engine's thread starts jobs, so it judges without the lock; it may be slow.
        """
        with self._lock:
            if not self._waiting or len(self._running) >= self._capacity.sequences:
                return None
            self._forecast.refresh(now, list(self._running), list(self._waiting), self._fair)
            candidates = [job for job in self._forecast.order if job.ready][:_CONSIDERED]
        blocked: list[Job] = []
        for job in candidates:
            verdict = judge(job)
            if verdict is Verdict.START and self._started(job, now):
                for other in blocked:
                    other.overtaken += 1
                return job
            if verdict is Verdict.NO_ROOM:
                if job.overtaken >= _OVERTAKES:
                    return None
                blocked.append(job)
        return None

    def requeue(self, job: Job) -> None:
        """A preempted job waits again, at the front of its caller's line since it was reserved early."""
        with self._lock:
            del self._running[job]
            self._waiting[job] = None
            job.fresh, job.read, job.started = job.prompt + job.produced, 0, None
            self._fair.charge(job.caller, -job.charged)
            job.charged = 0.0
            self._forecast.changed()

    def first_token(self, job: Job, now: float) -> None:
        """Learn from the wait that was predicted when the place was reserved."""
        with self._lock:
            self._wait_error.saw(job.predicted_first, now - job.reserved)

    def finished(self, job: Job, now: float, *, complete: bool) -> None:
        """The job ends; ``complete`` when its answer ended by itself. Harmless when repeated."""
        with self._lock:
            if job in self._waiting:
                del self._waiting[job]
            elif job in self._running:
                del self._running[job]
                actual = cost(job.fresh, job.produced)
                self._fair.charge(job.caller, actual - job.charged)
            else:
                return
            if complete:
                self._speeds.lengths(job.service).saw(job.produced)
                self._end_error.saw(job.predicted_end, now - job.reserved)
            self._callers[job.caller] -= 1
            if not self._callers[job.caller]:
                del self._callers[job.caller]
            self._fair.left(job.caller)
            self._forecast.changed()
            self._tell_if_empty()

    def prospects(self, now: float) -> list[tuple[Job, int, float]]:
        """Waiting jobs with their positions (1 starts next) and seconds to their first token."""
        with self._lock:
            self._forecast.refresh(now, list(self._running), list(self._waiting), self._fair)
            factor = self._wait_error.factor
            return [
                (job, place + 1, self._forecast.outlook(place).first * factor)
                for place, job in enumerate(self._forecast.order)
            ]

    def expected(self, job: Job) -> int:
        """Tokens that the job will probably still produce."""
        return int(self._forecast.output(job))

    def waiting(self, service: str | None = None) -> int:
        """Places that have not begun to generate, of one service or of all."""
        return sum(1 for job in list(self._waiting) if service is None or job.service == service)

    def places(self) -> int:
        """All places, waiting and running."""
        return len(self._waiting) + len(self._running)

    def when_empty(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` once as soon as no place is taken, on whatever thread gives up the last."""
        with self._lock:
            self._empty.append(tell)
            self._tell_if_empty()

    @property
    def wait_factor(self) -> float:
        """The present correction of predicted waits."""
        return self._wait_error.factor

    def _started(self, job: Job, now: float) -> bool:
        with self._lock:
            if job not in self._waiting:
                return False
            del self._waiting[job]
            self._running[job] = None
            job.started = now
            job.charged = self._forecast.cost(job)
            self._fair.charge(job.caller, job.charged)
            self._forecast.changed()
            return True

    def _tell_if_empty(self) -> None:
        if not self._waiting and not self._running:
            for tell in self._empty:
                tell()
            self._empty.clear()

    def _check_deadline(self, job: Job, now: float) -> None:
        own = [other for other in self._waiting if other.caller == job.caller]
        key = self._fair.standing(job.caller) + sum(self._forecast.cost(other) for other in own)
        first, end = self._forecast.newcomer(job, key + AGEING * now)
        job.predicted_first, job.predicted_end = first * self._wait_error.factor, end
        left = job.deadline - now
        promise = self._promises.due(job.caller, now)
        if promise is not None and end + self._promises.work_before(promise, now) <= left:
            self._promises.claim(promise)
            return
        early = self._promises.early(job.caller, now)
        safety = self._end_error.factor
        total = (end + self._promises.work(now)) * safety
        if promise is None and early is None and total <= left:
            return
        if promise is None and early is not None:
            raise self._refused(early.due - now, "returned before its time")
        if promise is not None:
            self._promises.claim(promise)
            total = (end + self._promises.work_before(promise, now)) * safety
        wait = min(max(1.0, total / safety - left / safety), _LONGEST_RETRY)
        due = now + math.ceil(wait)
        self._promises.give(Promise(job.caller, due, self._forecast.work(job)))
        raise self._refused(wait, "would end after its deadline")

    def _until_own_end(self, caller: str) -> float:
        own = [job for job in self._running if job.caller == caller]
        if own:
            least = min(self._forecast.output(job) for job in own)
            return least * self._speeds.steps.seconds(len(self._running))
        places = [i for i, job in enumerate(self._forecast.order) if job.caller == caller]
        return self._forecast.outlook(min(places)).first if places else 1.0

    def _until_free_place(self, job: Job, now: float) -> float:
        """A place in the queue frees when somebody starts; those told so before us come first."""
        ahead = min(len(self._promises), len(self._forecast.order))
        wait = self._forecast.outlook(ahead).start * self._wait_error.factor
        self._promises.give(Promise(job.caller, now + math.ceil(wait), self._forecast.work(job)))
        return wait

    def _refused(self, wait: float, reason: str) -> Overloaded:
        seconds = math.ceil(min(max(wait, 1.0), _LONGEST_RETRY))
        return Overloaded(retry_after=seconds, queue_size=len(self._waiting), reason=reason)
