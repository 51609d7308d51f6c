"""The load of a run: who is asked, how often, and how. What the generators are told."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from loadtest.plan import kinds
from loadtest.plan.flags import Flag
from loadtest.plan.stages import DEFAULT_STEPS, ShapeName, Stage, stages

TARGET, LOAD, JUDGING, RESULTS = "Target", "Load", "Judging", "Results"
CLIENT_SECONDS = 240.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """All that decides which requests are sent. Times are seconds; each field's flag says what it is."""

    target: Annotated[
        str,
        Flag(
            "Address of the gateway.",
            kinds.address(),
            TARGET,
            names=("--target", "--host"),
            env="LOADTEST_TARGET",
            at_locust="host",
        ),
    ] = "http://127.0.0.1:8001"
    service: Annotated[
        tuple[str, ...],
        Flag(
            "Services under load, like office,tutor; all: those that the target lists.",
            kinds.services(),
            TARGET,
            env="LOADTEST_SERVICE",
        ),
    ] = ()
    api_key: Annotated[
        str, Flag("Bearer token.", kinds.text(), TARGET, env="LOADTEST_API_KEY", secret=True)
    ] = ""
    shape: Annotated[ShapeName, Flag("How the load goes over time.", kinds.shape(), LOAD)] = "fixed"
    users: Annotated[
        int,
        Flag("Simulated users (fixed, overload, soak).", kinds.whole(least=1), LOAD, at_locust="num_users"),
    ] = 20
    spawn_rate: Annotated[
        float, Flag("Users that begin a second.", kinds.positive(), LOAD, at_locust="spawn_rate")
    ] = 10.0
    duration: Annotated[
        float | None,
        Flag("90, 90s, 5m, 1h30m; of each stage with steps and overload.", kinds.duration(), LOAD),
    ] = 60.0
    rate: Annotated[
        float,
        Flag("Questions a second (arrivals).", kinds.positive(), LOAD, names=("--rate", "--arrival-rate")),
    ] = 1.0
    steps: Annotated[tuple[int, ...], Flag("Users of each stage (steps).", kinds.levels(), LOAD)] = (
        DEFAULT_STEPS
    )
    factor: Annotated[
        int, Flag("Overload as a multiple of the users (overload).", kinds.whole(least=2), LOAD)
    ] = 10
    stream_share: Annotated[
        float, Flag("Share of questions that are streamed, 0 to 1.", kinds.share(), LOAD)
    ] = 0.5
    search_share: Annotated[
        float,
        Flag("Share of questions that search the web, 0 to 1, where a service can.", kinds.share(), LOAD),
    ] = 0.0
    turns: Annotated[int, Flag("Turns of a room before the next one.", kinds.whole(least=1), LOAD)] = 4
    seed: Annotated[int, Flag("Same seed, same questions.", kinds.seed(), LOAD)] = 1
    client_timeout: Annotated[
        float, Flag("Seconds that a client waits for an answer.", kinds.positive(), LOAD)
    ] = CLIENT_SECONDS
    results: Annotated[
        Path, Flag("Folder that gets a folder for the run.", kinds.path(), RESULTS, env="LOADTEST_RESULTS")
    ] = Path("results")

    def stages(self) -> list[Stage]:
        """The stages of the run. Raises ValueError when the shape needs a duration and has none."""
        return stages(
            self.shape,
            seconds=self.duration,
            users=self.users,
            rate=self.rate,
            steps=self.steps,
            factor=self.factor,
        )
