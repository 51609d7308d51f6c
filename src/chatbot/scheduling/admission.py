"""Whether a request gets a place, and if not, after how many seconds the same request will.

A refusal is a promise: it is computed from the predicted end, and the one who comes back when told finds the
place kept from those who come later. Nobody is refused for the sake of promises while the queue itself is
short: clients that never return must not keep the engine idle.
"""

import math
from dataclasses import dataclass

from chatbot.domain.errors import Overloaded
from chatbot.scheduling.calibration import Calibration
from chatbot.scheduling.job import Job
from chatbot.scheduling.promises import Promise, Promises

_LONGEST_RETRY = 600.0
_SHORT_QUEUE = 0.5
"""Share of the time left below which a predicted end is early enough whatever was promised to others."""

_BAND = 0.85
"""Share of a bound that newcomers may fill while others were told to come back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the queue: places waiting in all, places of one caller waiting and running."""

    waiting: int
    per_caller: int


@dataclass(frozen=True, slots=True)
class Prospect:
    """Where a request would stand: seconds to its last token, its work, and the queue's state.

    ``overtaking`` are the seconds in which those who wait now would catch up with what its caller has had, if
    they went on asking. ``starts`` are the seconds after which they will have started, in order.
    """

    end: float
    overtaking: float
    work: float
    waiting: int
    starts: tuple[float, ...]


class Admission:
    """Judges prospects and keeps the book of promises; not thread-safe, the door's lock guards it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._promises = Promises()
        self._end_error = Calibration(lowest=1.0, highest=1.6, start=1.1, share=0.9)

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
            if promise is not None and called:
                self._promises.claim(promise)
            return
        if promise is not None and not called:
            # Too early, and the promise stands.
            raise _refusal(promise.due - now, prospect.waiting, reason)
        if promise is not None:
            self._promises.claim(promise)
        seconds = math.ceil(max(wait, 1.0))
        if seconds <= _LONGEST_RETRY:
            self._promises.give(Promise(job.caller, now + seconds, prospect.work))
        raise _refusal(seconds, prospect.waiting, reason)

    def _needed_wait(
        self, job: Job, prospect: Prospect, promise: Promise | None, now: float, *, called: bool
    ) -> tuple[float, str]:
        """Seconds until there is a place, 0 for now, and what is in the way.

        While promises are open, newcomers see bounds a little tighter than the real ones, and promises are
        made to those. So the called find room although nothing runs quite as predicted, and no wait is so
        short that chance decides.
        """
        left, full = job.deadline - now, float(self._limits.waiting)
        work = callers = 0.0
        if not called:
            work = self._promises.work_before(promise, now)
            callers = self._promises.callers_before(promise, now)
        # The promise was made with the whole margin: only if things got much worse since is it not enough.
        safety = (1.0 + self.safety) / 2 if called else self.safety
        band = _BAND if callers else 1.0
        end = prospect.end * safety + (0.0 if called else prospect.overtaking)
        if end > left or (end + work > band * left and end > _SHORT_QUEUE * left):
            return max(1.0, end + work - _BAND * left), "it would end after its deadline"
        waiting = prospect.waiting + callers
        if prospect.waiting >= full or (waiting >= band * full and prospect.waiting > _SHORT_QUEUE * full):
            wait = _until_places(prospect.starts, waiting - _BAND * full + 1)
            return max(1.0, wait * safety), "the queue is full"
        return 0.0, ""


def _until_places(starts: tuple[float, ...], places: float) -> float:
    """Seconds until so many of those who wait have started, at the same pace beyond those known."""
    if not starts:
        return 0.0
    known = min(len(starts), math.ceil(places))
    return starts[known - 1] + (places - known) * starts[-1] / len(starts)


def _refusal(wait: float, waiting: int, reason: str) -> Overloaded:
    seconds = math.ceil(min(max(wait, 1.0), _LONGEST_RETRY))
    return Overloaded(retry_after=seconds, queue_size=waiting, reason=reason)
