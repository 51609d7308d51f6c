"""Follows the planned stages second by second; the same class serves every shape."""

from locust import LoadTestShape, User
from locust.runners import Runner

from loadtest import clock
from loadtest.plan import Stage
from loadtest.scenarios.chat_user import Arrivals, ChatUser
from loadtest.scenarios.generator import GENERATOR

_AT_ONCE = 100.0
Tick = tuple[int, float, list[type[User]]]


class PlannedShape(LoadTestShape):
    """Turns `--shape` and its companions into users over time, and records when each stage begins."""

    use_common_options = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._entered: tuple[str, int] | None = None

    def tick(self) -> Tick | None:
        """The users wanted now, at which spawn rate, of which classes; None ends the test.

        The first tick asks for nobody: it only makes locust start the test, and that opens the recorder.
        """
        begin = GENERATOR.began_us if GENERATOR.running else None
        if begin is None:
            return 0, 1, self._classes(open_loop=False)
        options = GENERATOR.options
        planned = options.stages()
        elapsed = (clock.now_us() - begin) / 1e6
        if elapsed < 0 and not planned[0].open_loop:
            return 0, 1, self._classes(open_loop=False)
        ends = 0.0
        for number, stage in enumerate(planned):
            ends = float("inf") if stage.seconds is None else ends + stage.seconds
            if elapsed < ends:
                self._enter(number, stage)
                classes = self._classes(open_loop=stage.open_loop)
                if stage.open_loop:
                    return len(classes), _AT_ONCE, classes
                return options.mine(stage.level), max(options.spawn_rate / options.shares, 0.01), classes
        self._enter(len(planned), Stage("end", None, 0))
        return None

    def _enter(self, number: int, stage: Stage) -> None:
        """Records a stage once a test."""
        entered = (GENERATOR.recorder.token, number)
        if entered != self._entered:
            self._entered = entered
            GENERATOR.recorder.phase(stage.name, stage.level, clock.now_us())

    def _classes(self, *, open_loop: bool) -> list[type[User]]:
        wanted = Arrivals if open_loop else ChatUser
        return [found for found in self._running().user_classes if issubclass(found, wanted)]

    def _running(self) -> Runner:
        if self.runner is None:
            raise RuntimeError("the shape is not part of a test")
        return self.runner
