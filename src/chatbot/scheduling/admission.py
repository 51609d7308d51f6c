"""Whether a request gets a place, and if not, after how many seconds the same request will.

A refusal is a promise: it is computed from the predicted end, and the one who comes back when told finds the
place kept from those who come later.
"""

import math
from dataclasses import dataclass

from chatbot.domain.errors import Overloaded
from chatbot.scheduling.calibration import Calibration
from chatbot.scheduling.job import Job
from chatbot.scheduling.promises import Headroom, Promise, Promises

_LONGEST_RETRY = 3600.0
"""Seconds; who would have to wait longer is told so many, and no place is kept for him."""

_MARGIN = 1.2
"""Least factor on a predicted end: the engine may become slower while somebody waits on what it promised."""

_BAND = 0.85
"""Share of a bound that newcomers may fill and promises are made to.

So the called find room although nothing runs quite as predicted, and no wait is so short that chance decides.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the queue: places waiting in all, places of one caller waiting and running."""

    waiting: int
    per_caller: int


@dataclass(frozen=True, slots=True)
class Prospect:
    """Where a request would stand: seconds of queue, seconds to its last token, its work, a full step.

    ``overtaking`` are the seconds in which those who wait now would catch up with what its caller has had, if
    they went on asking.
    """

    queue: float
    end: float
    overtaking: float
    work: float
    step: float
    waiting: int

    @property
    def pace(self) -> float:
        """Seconds that each place of the queue takes."""
        return max(self.work, self.queue / max(1, self.waiting))


class Admission:
    """Judges prospects and keeps the book of promises; not thread-safe, the door's lock guards it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._promises = Promises()
        self._end_error = Calibration(lowest=_MARGIN, highest=1.6, share=0.9)

    @property
    def safety(self) -> float:
        """The factor by which an end may come later than predicted."""
        return self._end_error.factor

    def learn(self, predicted: float, actual: float) -> None:
        """An admitted request ended: seconds from reservation to last token, as predicted and as it was."""
        self._end_error.saw(predicted, actual)

    def check_share(self, places: int, until_own_end: float, waiting: int) -> None:
        """Refuse a caller who has all the places that one may have."""
        if places >= self._limits.per_caller:
            raise _refusal(until_own_end, waiting, "the user's share is full")

    def check(self, job: Job, prospect: Prospect, now: float) -> None:
        """Admit, or raise Overloaded and remember what was promised."""
        promise = self._promises.of(job.caller, now)
        called = promise is not None and promise.has_come(now)
        wait, reason = self._needed_wait(job, prospect, promise, now, called=called)
        if wait <= 0:
            if promise is not None:
                self._promises.claim(promise)
            return
        if promise is not None and not called:
            # Too early, and the promise stands.
            raise _refusal(promise.due - now, prospect.waiting, reason)
        if promise is not None:
            self._promises.claim(promise)
        if wait <= _LONGEST_RETRY:
            self._promises.give(Promise(job.caller, now + wait, prospect.work / prospect.step))
        raise _refusal(wait, prospect.waiting, reason)

    def _needed_wait(
        self, job: Job, prospect: Prospect, promise: Promise | None, now: float, *, called: bool
    ) -> tuple[float, str]:
        """Seconds until there is a place, 0 for now, and what is in the way."""
        left, full = job.deadline - now, self._limits.waiting
        # The promise was made with the whole margin: only if things got much worse since is it not enough.
        safety = (3.0 + self.safety) / 4 if called else self.safety
        overtaking = 0.0 if called else prospect.overtaking
        beyond = prospect.end * safety + overtaking - left
        crowded = prospect.waiting >= full
        if called and beyond <= 0 and not crowded:
            return 0.0, ""
        alone = self._promises.none_but(promise, now)
        by_time = (1.0 if called else _BAND) * left / safety - (prospect.end - prospect.queue)
        by_places = (1.0 if called or alone else _BAND) * full * prospect.pace
        room = Headroom(
            queue=prospect.queue,
            # One whose promise could not be kept is not sent behind all the others.
            most=math.inf if called else max(0.0, min(by_time, by_places)),
            own_most=min(max(0.0, by_time) - overtaking, by_places),
            step=prospect.step,
        )
        wait = self._promises.seconds_until_place(prospect.work, now, room, promise)
        reason = "the queue is full" if crowded or by_places < by_time else "it would end after its deadline"
        return max(wait, beyond, 1.0) if beyond > 0 or crowded else wait, reason


def _refusal(wait: float, waiting: int, reason: str) -> Overloaded:
    seconds = math.ceil(min(max(wait, 1.0), _LONGEST_RETRY))
    return Overloaded(retry_after=seconds, queue_size=waiting, reason=reason)
