"""Follows the planned stages second by second; the same class serves every shape."""

from locust import LoadTestShape, User
from locust.runners import Runner

from loadtest.generator import options as flags
from loadtest.generator.process import GENERATOR
from loadtest.generator.users import Arrivals, ChatUser
from loadtest.plan.stages import Stage
from loadtest.record import clock

_AT_ONCE = 100.0
_OVER = Stage("end", None, 0)
Tick = tuple[int, float, list[type[User]]]


class PlannedShape(LoadTestShape):
    """Turns `--shape` and its companions into users over time, and records when each stage begins."""

    use_common_options = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._entered: tuple[str, int] | None = None

    def tick(self) -> Tick | None:
        """The users wanted now, at which spawn rate, of which classes; None ends the test.

        The first tick makes locust start the test, and that opens the recorder: a process that shares its
        run asks for nobody yet and waits for the others.
        """
        if GENERATOR.leaving and not GENERATOR.running:
            return None
        if not GENERATOR.running:
            options = flags.of(self._running().environment)
            return self._nobody() if options.processes > 1 else self._wanted(options, options.stages()[0])
        options, begin = GENERATOR.options, GENERATOR.began_us
        planned = options.stages()
        if GENERATOR.leaving or not GENERATOR.services:
            self._enter(len(planned), _OVER, clock.now_us())
            return None
        if begin is None or (clock.now_us() < begin and not planned[0].open_loop):
            return self._nobody()
        elapsed = (clock.now_us() - begin) / 1e6
        ends = 0.0
        for number, stage in enumerate(planned):
            ends = float("inf") if stage.seconds is None else ends + stage.seconds
            if elapsed < ends:
                self._enter(number, stage, begin if number == 0 else clock.now_us())
                return self._wanted(options, stage)
        self._enter(len(planned), _OVER, clock.now_us())
        return None

    def _enter(self, number: int, stage: Stage, began_us: int) -> None:
        """Records a stage once a test."""
        entered = (GENERATOR.recorder.token, number)
        if entered != self._entered:
            self._entered = entered
            GENERATOR.recorder.phase(stage.name, stage.level, stage.seconds, began_us)

    def _wanted(self, options: flags.GeneratorOptions, stage: Stage) -> Tick:
        if stage.open_loop:
            return 1, _AT_ONCE, [Arrivals]
        return options.mine(stage.level), max(options.spawn_rate / options.processes, 0.01), [ChatUser]

    def _nobody(self) -> Tick:
        return 0, 1, [ChatUser]

    def _running(self) -> Runner:
        if self.runner is None:
            raise RuntimeError("the shape is not part of a test")
        return self.runner
