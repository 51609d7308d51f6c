"""The door to the engine: who gets a place, who starts next, and what a refused client is told.

Called from the event loop (reserve, release) and from the engine's thread (everything else) under one lock
that is only ever held for arithmetic, never during a decode.
"""

import threading
from collections import Counter
from collections.abc import Callable
from enum import Enum

from chatbot.scheduling.admission import Admission, Limits, Prospect
from chatbot.scheduling.calibration import Calibration
from chatbot.scheduling.fair_order import AGEING, FairOrder, cost
from chatbot.scheduling.forecast import Forecast
from chatbot.scheduling.job import Capacity, Job
from chatbot.scheduling.rates import Speeds

_OVERTAKES = 8
"""Requests that may start before one that waits for KV room; then all wait for it."""

_CONSIDERED = 16
"""Waiting requests that are judged for one free place."""


class Verdict(Enum):
    """The engine's answer to whether a job can start now."""

    START = "start"
    LATER = "later"
    """What it would share is being computed; others may go first."""
    NO_ROOM = "no room"
    """The KV pool is too full for it."""


class Door:
    """Counts places; see the module."""

    def __init__(self, limits: Limits, capacity: Capacity, speeds: Speeds) -> None:
        self._capacity = capacity
        self._speeds = speeds
        self._lock = threading.Lock()
        self._waiting: dict[Job, None] = {}
        self._running: dict[Job, None] = {}
        self._callers: dict[str, int] = {}
        self._fair = FairOrder()
        self._empty: list[Callable[[], object]] = []
        self._forecast = Forecast(capacity, speeds)
        self._wait_error = Calibration(lowest=0.8, highest=1.25, start=1.0, share=0.5)
        self._admission = Admission(limits)

    def reserve(self, job: Job, now: float) -> None:
        """Check and count in one step.

        Raises:
            Overloaded: with the seconds after which the same request will be admitted.
        """
        with self._lock:
            self._forecast.refresh(now, list(self._running), list(self._waiting), self._fair)
            places = self._callers.get(job.caller, 0)
            self._admission.check_share(places, self._until_own_end(job.caller), len(self._waiting))
            self._admission.check(job, self._prospect(job, now), now)
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
            crowded = self._crowded()
            order = self._forecast.order
            candidates = [job for job in order if job.ready and job.caller not in crowded][:_CONSIDERED]
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
            self._wait_error.saw(job.replayed_first, now - job.reserved)

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
            if complete or now >= job.deadline:
                self._admission.learn(job.predicted_end, now - job.reserved)
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

    def _crowded(self) -> set[str]:
        """Callers who have half of the sequences: the other half stays for those who come next."""
        counts = Counter(job.caller for job in self._running)
        return {caller for caller, count in counts.items() if count >= max(1, self._capacity.sequences // 2)}

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

    def _prospect(self, job: Job, now: float) -> Prospect:
        """Where the job would stand; its predictions are noted in it."""
        own = sum(self._forecast.cost(other) for other in self._waiting if other.caller == job.caller)
        key = self._fair.standing(job.caller) + own + AGEING * now
        first, end = self._forecast.newcomer(job, key, now)
        job.replayed_first, job.predicted_end = first, end
        job.predicted_first = first * self._wait_error.factor
        return Prospect(end, self._forecast.work(job), len(self._waiting), self._forecast.starts)

    def _until_own_end(self, caller: str) -> float:
        own = [job for job in self._running if job.caller == caller]
        if not self._callers.get(caller):
            return 0.0
        if own:
            least = min(self._forecast.output(job) for job in own)
            return least * self._speeds.steps.seconds(len(self._running))
        places = [i for i, job in enumerate(self._forecast.order) if job.caller == caller]
        return self._forecast.outlook(min(places)).first if places else 1.0
