"""Whether a request gets a place, and if not, after how many seconds the same request will.

A refusal is a promise: it is computed from the predicted end, and the one who comes back when told finds the
place kept from those who come later.
"""

import math
from dataclasses import dataclass

from chatbot.domain.errors import Overloaded
from chatbot.scheduling.estimate import Prediction
from chatbot.scheduling.promises import Headroom, Promise, Promises
from chatbot.scheduling.scheduler import Newcomer, Scheduler
from chatbot.scheduling.ticket import Ticket
from chatbot.scheduling.tuning import LONGEST_RETRY, NEWCOMERS_SHARE


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the queue."""

    waiting: int
    """Requests that may wait."""
    per_caller: int
    """Places that one caller may have, waiting and running."""


class AdmissionController:
    """Gives places at one scheduler; the lock of ``Scheduler.locked`` guards the book of promises as well."""

    def __init__(self, limits: Limits, scheduler: Scheduler) -> None:
        self._limits = limits
        self._scheduler = scheduler
        self._promises = Promises()

    def reserve(self, ticket: Ticket, now: float) -> Prediction:
        """Check and take a place in one step; ``now`` is in monotonic seconds.

        Raises:
            Overloaded: with the seconds after which the same request will be admitted.
        """
        with self._scheduler.locked(now):
            self._check_share(ticket.caller)
            newcomer = self._scheduler.newcomer(ticket, now)
            self._check(newcomer)
            return self._scheduler.join(newcomer)

    def _check_share(self, caller: str) -> None:
        if self._scheduler.places_of(caller) >= self._limits.per_caller:
            wait = self._scheduler.until_own_end(caller)
            raise _refusal(wait, self._scheduler.waiting(), "the user's share is full")

    def _check(self, newcomer: Newcomer) -> None:
        """Admit, or raise Overloaded and remember what was promised."""
        caller, now = newcomer.ticket.caller, newcomer.now
        promise = self._promises.of(caller, now)
        called = promise is not None and promise.has_come(now)
        wait, reason = self._needed_wait(newcomer, promise, called=called)
        if wait <= 0:
            if promise is not None:
                self._promises.claim(promise)
            return
        if promise is not None and not called:
            # Too early, and the promise stands.
            raise _refusal(promise.due - now, newcomer.waiting, reason)
        if promise is not None:
            self._promises.claim(promise)
        if wait <= LONGEST_RETRY:
            self._promises.give(Promise(caller, now + wait, newcomer.work / newcomer.step))
        raise _refusal(wait, newcomer.waiting, reason)

    def _needed_wait(self, newcomer: Newcomer, promise: Promise | None, *, called: bool) -> tuple[float, str]:
        """Seconds until there is a place, 0 for now, and what is in the way."""
        now, forecast = newcomer.now, newcomer.forecast
        left, full = newcomer.ticket.deadline - now, self._limits.waiting
        # The promise was made with the whole margin: only if things got much worse since is it not enough.
        safety = (3.0 + newcomer.safety) / 4 if called else newcomer.safety
        overtaking = 0.0 if called else newcomer.overtaking
        beyond = forecast.end * safety + overtaking - left
        crowded = newcomer.waiting >= full
        if called and beyond <= 0 and not crowded:
            return 0.0, ""
        pace = max(newcomer.work, forecast.queue / max(1, newcomer.waiting))
        alone = self._promises.none_but(promise, now)
        by_time = (1.0 if called else NEWCOMERS_SHARE) * left / safety - (forecast.end - forecast.queue)
        by_places = (1.0 if called or alone else NEWCOMERS_SHARE) * full * pace
        room = Headroom(
            queue=forecast.queue,
            # One whose promise could not be kept is not sent behind all the others.
            most=math.inf if called else max(0.0, min(by_time, by_places)),
            own_most=min(max(0.0, by_time) - overtaking, by_places),
            step=newcomer.step,
        )
        wait = self._promises.seconds_until_place(newcomer.work, now, room, promise)
        reason = "the queue is full" if crowded or by_places < by_time else "it would end after its deadline"
        return max(wait, beyond, 1.0) if beyond > 0 or crowded else wait, reason


def _refusal(wait: float, waiting: int, reason: str) -> Overloaded:
    seconds = math.ceil(min(max(wait, 1.0), LONGEST_RETRY))
    return Overloaded(retry_after=seconds, queue_size=waiting, reason=reason)
