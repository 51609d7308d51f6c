"""A simulated person: asks, reads for a moment, asks again in the same room, and later begins another one."""

import itertools
import random
import time

import gevent
from gevent.pool import Group
from locust import User, constant, task
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING

from loadtest.client.published import PublishedService
from loadtest.client.question import Client, QuestionToSend
from loadtest.generator.options import GeneratorOptions
from loadtest.generator.process import GENERATOR, give_up
from loadtest.generator.rooms import SimulatedRoom, open_room
from loadtest.record import clock
from loadtest.record.recorder import RecorderBrokenError

_NUMBERS = itertools.count(1)
_NAP_SECONDS = 0.2
READING_SECONDS = (1.0, 3.0)


class _Person(User):
    """What both kinds of users share: a client that is recorded."""

    abstract = True
    # Only after an error: a task returns when its user leaves.
    wait_time = constant(1)
    host = GeneratorOptions().target

    def on_start(self) -> None:
        """Leaves at once where the services could not be learned, which ends the test."""
        if not GENERATOR.services:
            raise StopUser

    @property
    def leaving(self) -> bool:
        """Whether locust has asked this user to finish."""
        return self._state == LOCUST_STATE_STOPPING

    def client(self, dice: random.Random) -> Client:
        """A client of this user."""
        options = GENERATOR.options
        return Client(
            options.target,
            GENERATOR.recorder,
            api_key=options.api_key,
            seconds=options.client_timeout,
            observe=self._observe,
            drain_left=self._drain_left,
            dice=dice,
        )

    def ask(self, client: Client, ask: QuestionToSend) -> str | None:
        """Asks one question; the room that answered. Ends the run when it cannot be recorded."""
        try:
            return client.ask(ask).db_id
        except RecorderBrokenError as error:
            give_up(error)
        except Exception as error:
            GENERATOR.recorder.trouble(f"unexpected in the generator: {error!r}")
            raise

    def _sleep_until(self, moment_us: int) -> None:
        """Sleeps, but not on when the user is asked to leave."""
        while (left := moment_us - clock.now_us()) > 0 and not self.leaving:
            time.sleep(min(left / 1e6, _NAP_SECONDS))

    def _drain_left(self) -> float | None:
        ending = GENERATOR.drain_left()
        # One who leaves while the run goes on does not wait out a refusal.
        return 0.0 if ending is None and self.leaving else ending

    def _observe(self, name: str, seconds: float, size: int, failure: str) -> None:
        self.environment.events.request.fire(
            request_type="POST",
            name=name,
            response_time=seconds * 1000,
            response_length=size,
            exception=RuntimeError(failure) if failure else None,
            context={},
        )


class ChatUser(_Person):
    """Closed loop: one question at a time, one to three seconds between them, a few turns a room.

    Users take the services in turn, over all processes.
    """

    def on_start(self) -> None:
        """Begins as a new person."""
        super().on_start()
        number, options = next(_NUMBERS), GENERATOR.options
        services = GENERATOR.services
        self._service = services[((number - 1) * options.processes + options.number) % len(services)]
        self._dice = _dice(number)
        self._user_id = f"load-{GENERATOR.recorder.token}-{number}"
        self._client = self.client(self._dice)
        self._room: SimulatedRoom | None = None

    @task
    def talk(self) -> None:
        """Turn after turn until the user is asked to leave.

        One task for all turns, with its own waits: locust kills users that are in its wait, and one whose
        wait has just ended would be killed in the middle of a new request.
        """
        while not self.leaving:
            self._turn()
            self._sleep_until(clock.now_us() + int(self._dice.uniform(*READING_SECONDS) * 1e6))

    def _turn(self) -> None:
        options = GENERATOR.options
        if self._room is None or self._room.turns >= options.turns:
            self._room = open_room(self._service, self._user_id, self._dice)
        question = self._room.next_question(self._dice, options.stream_share, options.search_share)
        self._room.db_id = self.ask(self._client, question) or self._room.db_id


class Arrivals(_Person):
    """Open loop: questions arrive at a constant rate whether or not earlier ones were answered.

    Each has its own user, since strangers do not wait for each other, and carries the moment it was meant
    for: a generator that falls behind shows as lateness and does not flatter the service. Questions take the
    services in turn, over all processes.
    """

    @task
    def arrive(self) -> None:
        """Sends questions on schedule until the run ends, then waits for the last answers."""
        options, services = GENERATOR.options, GENERATOR.services
        begin = GENERATOR.began_us or clock.now_us()
        open_questions = Group()
        try:
            for number in itertools.count(options.number, options.processes):
                intended = begin + int(number * 1e6 / options.rate)
                self._sleep_until(intended)
                if self.leaving:
                    break
                service = services[number % len(services)]
                open_questions.start(gevent.Greenlet(self._one, service, intended))
            open_questions.join()
        finally:
            open_questions.kill()

    def _one(self, service: PublishedService, intended_us: int) -> None:
        number = next(_NUMBERS)
        dice = _dice(number)
        room = open_room(service, f"load-{GENERATOR.recorder.token}-{number}", dice)
        options = GENERATOR.options
        question = room.next_question(
            dice, options.stream_share, options.search_share, intended_us=intended_us
        )
        self.ask(self.client(dice), question)


def _dice(number: int) -> random.Random:
    """The choices of one user: the same in every run with the same seed."""
    options = GENERATOR.options
    return random.Random(f"{options.seed}/{options.number}/{number}")  # noqa: S311 - choices of words, not secrets
