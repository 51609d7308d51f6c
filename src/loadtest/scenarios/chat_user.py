"""A simulated person: asks, reads for a moment, asks again in the same room, and later begins another one."""

import itertools
import random
import time

import gevent
from gevent.pool import Group
from locust import User, constant, task
from locust.user.task import LOCUST_STATE_STOPPING

from loadtest import clock
from loadtest.client import Ask, Client
from loadtest.recorder import RecorderBrokenError
from loadtest.scenarios.generator import GENERATOR, give_up
from loadtest.scenarios.questions import Room, open_room

_NUMBERS = itertools.count(1)
_NAP_SECONDS = 0.2
READING_SECONDS = (1.0, 3.0)
DEFAULT_HOST = "http://127.0.0.1:8001"


class _Person(User):
    """What both kinds of users share: a service, and a client that is recorded."""

    abstract = True
    # Only after an error: a task returns when its user leaves.
    wait_time = constant(1)
    service = ""
    host = DEFAULT_HOST

    @property
    def leaving(self) -> bool:
        """Whether locust has asked this user to finish."""
        return self._state == LOCUST_STATE_STOPPING

    def client(self, dice: random.Random) -> Client:
        """A client of this user."""
        options = GENERATOR.options
        return Client(
            self.host,
            GENERATOR.recorder,
            api_key=options.api_key,
            seconds=options.client_timeout,
            observe=self._observe,
            drain_left=self._drain_left,
            dice=dice,
        )

    def ask(self, client: Client, ask: Ask) -> str | None:
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
    """Closed loop: one question at a time, one to three seconds between them, a few turns a room."""

    abstract = True

    def on_start(self) -> None:
        """Begins as a new person."""
        number = next(_NUMBERS)
        self._dice = _dice(number)
        self._user_id = f"load-{GENERATOR.recorder.token}-{number}"
        self._client = self.client(self._dice)
        self._room: Room | None = None

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
            self._room = open_room(self.service, self._user_id, self._dice)
        question = self._room.next_question(self._dice, options.stream_share, options.search_share)
        self._room.db_id = self.ask(self._client, question) or self._room.db_id


class Arrivals(_Person):
    """Open loop: questions arrive at a constant rate whether or not earlier ones were answered.

    Each has its own user, since strangers do not wait for each other, and carries the moment it was meant
    for: a generator that falls behind shows as lateness and does not flatter the service.
    """

    abstract = True

    @task
    def arrive(self) -> None:
        """Sends questions on schedule until the run ends, then waits for the last answers."""
        options = GENERATOR.options
        classes = [found for found in self.environment.user_classes if issubclass(found, Arrivals)]
        step_us = 1e6 * options.shares * len(classes) / options.rate
        offset = (options.share * len(classes) + classes.index(type(self))) / (options.shares * len(classes))
        begin = GENERATOR.began_us or clock.now_us()
        open_questions = Group()
        try:
            for count in itertools.count():
                intended = begin + int((count + offset) * step_us)
                self._sleep_until(intended)
                if self.leaving:
                    break
                open_questions.start(gevent.Greenlet(self._one, intended))
            open_questions.join()
        finally:
            open_questions.kill()

    def _one(self, intended_us: int) -> None:
        number = next(_NUMBERS)
        dice = _dice(number)
        room = open_room(self.service, f"load-{GENERATOR.recorder.token}-{number}", dice)
        options = GENERATOR.options
        question = room.next_question(
            dice, options.stream_share, options.search_share, intended_us=intended_us
        )
        self.ask(self.client(dice), question)


def _dice(number: int) -> random.Random:
    """The choices of one user: the same in every run with the same seed."""
    options = GENERATOR.options
    return random.Random(f"{options.seed}/{options.share}/{number}")  # noqa: S311 - choices of words, not secrets
