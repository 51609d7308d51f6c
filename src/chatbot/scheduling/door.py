"""The door to the engine: who gets a place, who starts next, and what a refused client is told.

Called from the event loop (reserve, release) and from the engine's thread (everything else) under one lock
that is only ever held for arithmetic, never during a decode.
"""

import threading
from collections import Counter
from collections.abc import Callable
from enum import Enum
from itertools import islice

from chatbot.scheduling.admission import Admission, Limits, Prospect
from chatbot.scheduling.fair_order import FairOrder, cost
from chatbot.scheduling.forecast import Forecast, Standing
from chatbot.scheduling.job import Capacity, Job
from chatbot.scheduling.line import Line
from chatbot.scheduling.rates import Speeds

_OVERTAKES = 8
"""Requests that may start before one that waits for KV room; then all wait for it."""

_CONSIDERED = 16
"""Waiting requests that are judged for one free place."""


class StartDecision(Enum):
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
        self._line = Line()
        self._running: dict[Job, None] = {}
        self._callers: dict[str, int] = {}
        self._fair = FairOrder()
        self._empty: list[Callable[[], object]] = []
        self._reserved = 0
        self._forecast = Forecast(capacity, speeds)
        self._admission = Admission(limits)

    def reserve(self, job: Job, now: float) -> None:
        """Check and count in one step.

        Raises:
            Overloaded: with the seconds after which the same request will be admitted.
        """
        with self._lock:
            self._refresh(now)
            places = self._callers.get(job.caller, 0)
            self._admission.check_share(places, self._until_own_end(job.caller), len(self._line))
            key = self._fair.key(job.caller, now)
            standing = self._forecast.newcomer(job, key, self._line, now)
            self._admission.check(job, self._prospect(job, standing), now)
            job.reserved, job.price = now, self._forecast.cost(job)
            job.quantile = _spread_evenly(self._reserved)
            self._reserved += 1
            job.duration, job.crowded = standing.end - standing.start, standing.crowded
            job.predicted_first, job.predicted_end = self._forecast.first_token(standing), standing.end
            self._line.join(job, key, standing.place)
            self._callers[job.caller] = places + 1
            self._fair.joined(job.caller, job.price)
            self._forecast.changed()

    def prompt_known(self, job: Job, prompt: int, fresh: int, characters: int) -> None:
        """The true size of the prompt, and how much of it no cache holds; from now on it may start."""
        with self._lock:
            job.prompt, job.fresh, job.ready = prompt, fresh, True
            self._speeds.tokens_per_char.saw(prompt, max(1, characters))
            self._forecast.changed()

    def next(self, now: float, judge: Callable[[Job], StartDecision]) -> Job | None:
        """The next job to start, by fair order and by what ``judge`` says of each; it counts as running.

        Only the engine's thread starts jobs, so it judges without the lock; it may be slow.
        """
        with self._lock:
            if not self._line or len(self._running) >= self._capacity.sequences:
                return None
            crowded = self._crowded()
            able = (job for job in self._line.jobs if job.ready and job.caller not in crowded)
            candidates = list(islice(able, _CONSIDERED))
        blocked: list[Job] = []
        for job in candidates:
            verdict = judge(job)
            if verdict is StartDecision.START and self._started(job, now):
                for other in blocked:
                    other.overtaken += 1
                return job
            if verdict is StartDecision.NO_ROOM:
                if job.overtaken >= _OVERTAKES:
                    return None
                blocked.append(job)
        return None

    def requeue(self, job: Job) -> None:
        """A preempted job waits again, before all others."""
        with self._lock:
            del self._running[job]
            self._line.rejoin(job)
            job.fresh, job.read, job.started = job.prompt + job.produced, 0, None
            self._fair.started(job.caller, -job.price)
            self._forecast.changed()

    def first_token(self, job: Job) -> None:
        """Learn from the prompt's size."""
        with self._lock:
            self._speeds.fresh_tokens.saw(job.fresh, 1.0)

    def finished(self, job: Job, now: float, *, complete: bool) -> None:
        """The job ends; ``complete`` when its answer ended by itself. Harmless when repeated."""
        with self._lock:
            if job in self._running:
                del self._running[job]
                self._fair.left(job.caller, correction=cost(job.fresh, job.produced) - job.price)
            elif job in self._line:
                self._line.leave(job)
                self._fair.left(job.caller, waiting=job.price)
            else:
                return
            if complete:
                self._speeds.lengths(job.service).saw(job.produced)
            if job.crowded and (complete or now >= job.deadline):
                self._admission.learn(job.predicted_end, now - job.reserved)
            self._callers[job.caller] -= 1
            if not self._callers[job.caller]:
                del self._callers[job.caller]
            self._forecast.changed()
            self._tell_if_empty()

    def prospects(self, now: float) -> list[tuple[Job, int, float]]:
        """Waiting jobs with their positions (1 starts next) and seconds to their first token."""
        with self._lock:
            self._refresh(now)
            return [
                (job, place + 1, self._forecast.foreseen(place).first)
                for place, job in enumerate(self._line.jobs)
            ]

    def expected(self, job: Job) -> int:
        """Tokens that the job will probably still produce."""
        return int(self._forecast.output(job))

    def waiting(self, service: str | None = None) -> int:
        """Places that have not begun to generate, of one service or of all."""
        return sum(1 for job in list(self._line.jobs) if service is None or job.service == service)

    def places(self) -> int:
        """All places, waiting and running."""
        return len(self._line) + len(self._running)

    def when_empty(self, tell: Callable[[], object]) -> None:
        """Call ``tell`` once as soon as no place is taken, on whatever thread gives up the last."""
        with self._lock:
            self._empty.append(tell)
            self._tell_if_empty()

    def _crowded(self) -> set[str]:
        """Callers who have all the sequences that one may have."""
        counts = Counter(job.caller for job in self._running)
        return {caller for caller, count in counts.items() if count >= self._capacity.share}

    def _started(self, job: Job, now: float) -> bool:
        with self._lock:
            if job not in self._line:
                return False
            self._line.leave(job)
            self._running[job] = None
            job.started = now
            self._fair.started(job.caller, job.price)
            self._forecast.changed()
            return True

    def _tell_if_empty(self) -> None:
        if not self._line and not self._running:
            for tell in self._empty:
                tell()
            self._empty.clear()

    def _refresh(self, now: float) -> None:
        self._forecast.refresh(now, list(self._running), self._line, self._admission.safety)

    def _prospect(self, job: Job, standing: Standing) -> Prospect:
        others = len({other.caller for other in self._line.jobs} - {job.caller})
        return Prospect(
            queue=standing.queue,
            end=standing.end,
            overtaking=self._fair.debt(job.caller) * others / self._forecast.pace(),
            work=self._forecast.work(self._forecast.load(job)),
            step=self._speeds.steps.seconds(self._capacity.sequences),
            waiting=len(self._line),
        )

    def _until_own_end(self, caller: str) -> float:
        own = [job for job in self._running if job.caller == caller]
        if not self._callers.get(caller):
            return 0.0
        if own:
            least = min(self._forecast.output(job) for job in own)
            return least * self._speeds.steps.seconds(len(self._running))
        places = [i for i, job in enumerate(self._line.jobs) if job.caller == caller]
        return self._forecast.outlook(min(places)).first if places else 1.0


def _spread_evenly(number: int) -> float:
    """The number's place in van der Corput's sequence: neighbours are spread evenly over 0 to 1."""
    return int(f"{number % 65536:016b}"[::-1], 2) / 65536
