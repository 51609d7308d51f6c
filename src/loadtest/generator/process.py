"""This process's part in a run: its recorder, its health, and how it ends. Hooks into locust's events.

A recorder is opened when a test starts and closed when the last user has finished, so a part that does not
say goodbye belongs to a process that died. Users are given the time of a whole answer to finish: to cut
them off would leave out the slowest answers.
"""

import contextlib
import logging
import os
import random
import signal
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import gevent
from locust import events
from locust.env import Environment
from locust.runners import MasterRunner, WorkerRunner

from loadtest.client.asking import UnreachableError
from loadtest.client.published import PublishedService, describe, names_of
from loadtest.generator import options as flags
from loadtest.plan.agreement import BEAT_SECONDS, CANNOT_RECORD, DRAIN_MARGIN_SECONDS, GO
from loadtest.record import clock
from loadtest.record.recorder import Recorder, RecorderBrokenError

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _RunningTest:
    """A test that this process takes part in."""

    recorder: Recorder
    """Where it is recorded."""
    options: flags.GeneratorOptions
    """As they were when it started."""
    services: tuple[PublishedService, ...]
    """Those under load; none where they could not be learned, which ends the test."""
    beating: gevent.Greenlet
    """Records this process's health."""
    began_us: int | None
    """When its load begins, microseconds since 1970; None until the parent has said so."""
    stop_began: float | None = None
    """When it began to end, by the monotonic clock."""


class Generator:
    """The state of this process; there is one, `GENERATOR`."""

    def __init__(self) -> None:
        self._run: _RunningTest | None = None
        self._runs = 0
        self.leaving = False

    @property
    def recorder(self) -> Recorder:
        """Where this run is recorded."""
        return self._current().recorder

    @property
    def running(self) -> bool:
        """Whether a test is being recorded."""
        return self._run is not None

    @property
    def began_us(self) -> int | None:
        """When the load begins, microseconds since 1970: with the test, or at the moment that the file `go`
        names for all processes that share a run; None until it is there.
        """
        run = self._current()
        if run.began_us is None:
            with contextlib.suppress(FileNotFoundError):
                run.began_us = int((run.recorder.path.parent / GO).read_text())
        return run.began_us

    @property
    def options(self) -> flags.GeneratorOptions:
        """The options of this run."""
        return self._current().options

    @property
    def services(self) -> tuple[PublishedService, ...]:
        """The services under load; none where they could not be learned."""
        return self._current().services

    def drain_left(self) -> float | None:
        """Seconds in which an attempt may still begin once the run is ending; None while it goes on."""
        run = self._current()
        if run.stop_began is None:
            return None
        return max(0.0, DRAIN_MARGIN_SECONDS - (time.monotonic() - run.stop_began))

    def begin(self, environment: Environment) -> None:
        """Opens the recorder of a test that starts."""
        options = flags.of(environment)
        folder = self._folder(environment, options)
        role = "master" if isinstance(environment.runner, MasterRunner) else "worker"
        random.seed(f"{options.seed}/{options.number}")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            recorder = Recorder(folder, role)
        except (OSError, RecorderBrokenError) as error:
            give_up(error)
        beating = gevent.spawn(self._beat, environment, recorder, options)
        services = _learn(options, recorder)
        began = clock.now_us() if options.processes == 1 else None
        self._run = _RunningTest(recorder, options, services, beating, began)
        logger.info("recording to %s", recorder.path)

    def stopping(self) -> None:
        """Notes that no new question is to begin."""
        if self._run is not None and self._run.stop_began is None:
            self._run.stop_began = time.monotonic()

    def end(self) -> None:
        """Closes the recorder after the last user."""
        run, self._run = self._run, None
        if run is None:
            return
        run.beating.kill()
        run.recorder.close()
        if not run.options.parent_pid:
            logger.info("for results.csv and a report: loadtest report %s", run.recorder.path.parent)

    def _current(self) -> _RunningTest:
        if self._run is None:
            raise RuntimeError("no test is running")
        return self._run

    def _folder(self, environment: Environment, options: flags.GeneratorOptions) -> Path:
        self._runs += 1
        if options.parent_pid or isinstance(environment.runner, WorkerRunner):
            if options.run_dir is None:
                raise RuntimeError("a worker needs its master's --run-dir")
            return options.run_dir
        folder = options.run_dir or options.results / f"{datetime.now(UTC):%Y%m%d-%H%M%S}"
        if self._runs > 1 and options.run_dir:
            folder = folder.with_name(f"{folder.name}-{self._runs}")
        # A master sends its options to the workers after this.
        if isinstance(environment.runner, MasterRunner):
            vars(environment.parsed_options)["run_dir"] = str(folder)
        return folder

    def _beat(self, environment: Environment, recorder: Recorder, options: flags.GeneratorOptions) -> None:
        threads = gevent.get_hub().threadpool
        wall, cpu = time.perf_counter(), _cpu_seconds()
        while True:
            gevent.sleep(BEAT_SECONDS)
            now, used = time.perf_counter(), _cpu_seconds()
            took = now - wall
            users = environment.runner.user_count if environment.runner else 0
            try:
                recorder.beat(cpu_percent=100 * (used - cpu) / took, lag=took - BEAT_SECONDS, users=users)
                threads.spawn(recorder.sync).get()
            except (RecorderBrokenError, OSError) as error:
                give_up(error)
            wall, cpu = time.perf_counter(), _cpu_seconds()
            if options.parent_pid and os.getppid() != options.parent_pid:
                recorder.trouble("the supervising process is gone")
                _quit(environment)
                return


GENERATOR = Generator()


def _learn(options: flags.GeneratorOptions, recorder: Recorder) -> tuple[PublishedService, ...]:
    """The services under load, as they describe themselves; none, and a trouble on record, where one does
    not.
    """
    try:
        names = options.service or names_of(options.target)
        return tuple(describe(options.target, name) for name in names)
    except UnreachableError as error:
        logger.critical("no load: %s", error)
        recorder.trouble(f"no load: {error}")
        return ()


def give_up(error: Exception) -> NoReturn:
    """Ends this process at once: what it would still do could not be recorded, and its log may be on the same
    full disk. What was recorded stays; attempts in flight are open starts.
    """
    with contextlib.suppress(Exception):
        logger.critical("the run cannot be recorded and ends: %s", error)
    os._exit(CANNOT_RECORD)


def _quit(environment: Environment) -> None:
    if environment.runner is not None:
        gevent.spawn(environment.runner.quit)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _leave() -> None:
    GENERATOR.leaving = True


def _on_init(environment: Environment, **_: object) -> None:
    # Locust listens for it only when the load is over; before that the signal would end the process at once.
    gevent.signal_handler(signal.SIGTERM, _leave)
    if not environment.stop_timeout:
        environment.stop_timeout = flags.of(environment).client_timeout + DRAIN_MARGIN_SECONDS


def _on_start(environment: Environment, **_: object) -> None:
    GENERATOR.begin(environment)


def _on_stopping(**_: object) -> None:
    GENERATOR.stopping()


def _on_stop(**_: object) -> None:
    with contextlib.suppress(RecorderBrokenError):
        GENERATOR.end()


events.init.add_listener(_on_init)  # type: ignore[no-untyped-call]
events.test_start.add_listener(_on_start)  # type: ignore[no-untyped-call]
events.test_stopping.add_listener(_on_stopping)  # type: ignore[no-untyped-call]
events.test_stop.add_listener(_on_stop)  # type: ignore[no-untyped-call]
