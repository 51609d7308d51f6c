"""Whether a request gets a place, and if not, after how many seconds the same request will.

- While a sequence is free that nobody waits for, everybody is let in; with several answers, while one is free
  beside those that the others take, or while nobody else is here.
- Else a request is let in if it would end before its deadline behind all who wait and all who were told to
  come back, and if the queue has a place for it beside them.
- Whoever is refused is told when that will be so. Who comes back then is let in if its answer ends in time
  behind those who wait.
- Nobody is told more than ten minutes, and whoever is told ten minutes has no promise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chatbot.domain.errors import LONGEST_RETRY, AskElsewhere, Overloaded, TooManyAnswers
from chatbot.scheduling.estimate import Prediction
from chatbot.scheduling.newcomer import Newcomer
from chatbot.scheduling.promises import Promise, Promises
from chatbot.scheduling.scheduler import Scheduler
from chatbot.scheduling.ticket import Ticket
from chatbot.scheduling.tuning import NEWCOMERS_SHARE


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the queue."""

    waiting: int
    """Requests that may wait."""
    per_caller: int
    """Places that one caller may have, waiting and running."""


@dataclass(frozen=True, slots=True)
class _Wait:
    """What a newcomer has to wait for until it can have a place."""

    seconds: float
    """Until then; 0 or less is now."""
    reason: str
    """What is in the way."""


class AdmissionController:
    """Gives places at one scheduler; the lock of ``Scheduler.locked`` guards the book of promises as well."""

    def __init__(self, limits: Limits, scheduler: Scheduler) -> None:
        self._limits = limits
        self._scheduler = scheduler
        self._promises = Promises()

    def reserve(
        self, ticket: Ticket, now: float, others: Sequence[Ticket] = (), *, at_once: bool = False
    ) -> Prediction:
        """Check and take a place in one step; ``now`` is in monotonic seconds.

        The limit of the answer is lowered to what ends before the deadline at the present pace. ``others``
        are further answers to the same question: all get a place or none does. So the ticket is judged as if
        the others had theirs.

        Raises:
            Overloaded: with the seconds after which the same request will be admitted.
            TooManyAnswers: one caller may not have so many places.
            AskElsewhere: it would have to wait and wants ``at_once``; nothing is promised.
        """
        with self._scheduler.locked(now):
            self._check_share(ticket.caller, 1 + len(others))
            idle = not self._scheduler.places()
            for other in others:
                self._scheduler.join(self._scheduler.newcomer(other, now))
            try:
                newcomer = self._scheduler.newcomer(ticket, now)
                self._check(newcomer, idle=idle, at_once=at_once)
            except (AskElsewhere, Overloaded):
                for other in others:
                    self._scheduler.leave(other, now)
                raise
            return self._scheduler.join(newcomer)

    def _check_share(self, caller: str, places: int) -> None:
        if places > self._limits.per_caller:
            raise TooManyAnswers(self._limits.per_caller)
        if self._scheduler.places_of(caller) + places > self._limits.per_caller:
            wait = self._scheduler.until_own_end(caller)
            raise Overloaded(wait, self._scheduler.waiting(), "the user's share is full")

    def _check(self, newcomer: Newcomer, *, idle: bool, at_once: bool) -> None:
        caller, now = newcomer.ticket.caller, newcomer.now
        if at_once and not newcomer.forecast.at_once:
            raise AskElsewhere("it would have to wait")
        # Whom promises were made to may never come. And answers that wait for each other alone would wait as
        # long at any other time.
        if newcomer.forecast.free or idle:
            self._promises.claim(caller, now)
            return
        promise = self._promises.of(caller, now)
        called = promise is not None and promise.has_come(now)
        wait = self._wait_of_the_called(newcomer) if called else self._wait(newcomer, promise)
        if promise is not None and not called and wait.seconds > 0:
            # Too early, and the promise stands.
            raise Overloaded(promise.due - now, newcomer.waiting, wait.reason)
        self._promises.claim(caller, now)
        if wait.seconds > 0:
            promise = Promise(now + max(1.0, wait.seconds), caller, newcomer.ticket.service)
            kept = wait.seconds <= LONGEST_RETRY - 1 and self._promises.give(promise)
            raise Overloaded(wait.seconds if kept else LONGEST_RETRY, newcomer.waiting, wait.reason)

    def _wait(self, newcomer: Newcomer, own: Promise | None) -> _Wait:
        """Of one who was not told to come now: behind those who wait and those who will come back."""
        work = self._promises.expected(self._scheduler.usual_work, own)
        requests = self._promises.expected(lambda _service: 1.0, own)
        bound = max(0.0, NEWCOMERS_SHARE * newcomer.left / newcomer.safety - newcomer.duration)
        places = self._limits.waiting * (NEWCOMERS_SHARE if requests else 1.0)
        return _longer(
            newcomer,
            too_late=newcomer.forecast.queue + work + newcomer.overtaking - bound,
            too_many=newcomer.waiting + requests + 1.0 - places,
        )

    def _wait_of_the_called(self, newcomer: Newcomer) -> _Wait:
        """Of one who comes back when told: behind those who wait, up to the bounds themselves."""
        return _longer(
            newcomer,
            too_late=newcomer.forecast.queue + newcomer.duration - newcomer.left,
            too_many=newcomer.waiting + 1.0 - self._limits.waiting,
        )


def _longer(newcomer: Newcomer, *, too_late: float, too_many: float) -> _Wait:
    """The longer of two waits, for ``too_late`` seconds of work and ``too_many`` places of the queue."""
    full = too_many * newcomer.seconds_per_place
    if full > too_late:
        return _Wait(full, "the queue is full")
    return _Wait(too_late, "it would end after its deadline")
