"""Follows the planned stages second by second; the same class serves every shape."""

import time

from locust import LoadTestShape, User
from locust.runners import Runner

from loadtest import clock
from loadtest.plan import Stage
from loadtest.scenarios import options as flags
from loadtest.scenarios.chat_user import Arrivals, ChatUser
from loadtest.scenarios.generator import GENERATOR

_AT_ONCE = 100.0
Tick = tuple[int, float, list[type[User]]]


class PlannedShape(LoadTestShape):
    """Turns `--shape` and its companions into users over time, and records when each stage begins."""

    use_common_options = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._stages: list[Stage] = []
        self._options: flags.Options | None = None
        self._entered = -1
        self._pending: list[tuple[str, float, int]] = []
        self._begin = 0.0

    def reset_time(self) -> None:
        """Begins anew: locust calls this when a test starts."""
        super().reset_time()  # type: ignore[no-untyped-call]
        self._options = None

    def tick(self) -> Tick | None:
        """The users wanted now, at which spawn rate, of which classes; None ends the test."""
        options = self._options or self._prepare()
        elapsed = time.time() - self._begin
        if elapsed < 0:
            return 0, 1, self._classes(open_loop=False)
        ends = 0.0
        for number, stage in enumerate(self._stages):
            ends = float("inf") if stage.seconds is None else ends + stage.seconds
            if elapsed < ends:
                self._enter(number, stage)
                classes = self._classes(open_loop=stage.open_loop)
                if stage.open_loop:
                    return len(classes), _AT_ONCE, classes
                return options.mine(stage.level), max(options.spawn_rate / options.shares, 0.01), classes
        self._enter(len(self._stages), Stage("end", None, 0))
        return None

    def _prepare(self) -> flags.Options:
        options = flags.of(self._running().environment)
        self._stages = options.stages()
        self._entered = -1
        self._begin = options.begin_at or time.time()
        self._options = options
        return options

    def _enter(self, number: int, stage: Stage) -> None:
        """Records a stage once; the first is entered before locust has started the test and its recorder."""
        if number != self._entered:
            self._entered = number
            self._pending.append((stage.name, stage.level, clock.now_us()))
        if GENERATOR.running:
            for phase in self._pending:
                GENERATOR.recorder.phase(*phase)
            self._pending.clear()

    def _classes(self, *, open_loop: bool) -> list[type[User]]:
        wanted = Arrivals if open_loop else ChatUser
        return [found for found in self._running().user_classes if issubclass(found, wanted)]

    def _running(self) -> Runner:
        if self.runner is None:
            raise RuntimeError("the shape is not part of a test")
        return self.runner
