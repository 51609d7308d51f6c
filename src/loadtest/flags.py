"""The flags of `loadtest run`, grouped as its help shows them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest.plan import ShapeName
from loadtest.request import ServiceChoice


def _panel(name: str) -> Callable[..., Any]:
    return partial(typer.Option, rich_help_panel=name)


_target, _load, _judging, _results = map(_panel, ("Target", "Load", "Judging", "Results"))

Target = Annotated[
    str, _target("--target", "--host", envvar="LOADTEST_TARGET", help="Address of the gateway.")
]
Service = Annotated[ServiceChoice, _target(envvar="LOADTEST_SERVICE", help="Who is put under load.")]
Wait = Annotated[str, _target(envvar="LOADTEST_WAIT", help="How long to wait for the target and its models.")]
Counters = Annotated[
    list[str] | None,
    _target(
        envvar="LOADTEST_COUNTERS",
        help="Own address of a service, for its counters; every pod must be behind one; may repeat.",
    ),
]
ApiKey = Annotated[str, _target(envvar="LOADTEST_API_KEY", help="Bearer token.", show_default=False)]

Shape = Annotated[ShapeName, _load(help="How the load goes over time.")]
Users = Annotated[int, _load(help="Simulated users (fixed, overload, soak).")]
SpawnRate = Annotated[float, _load(help="Users that begin a second.")]
Duration = Annotated[str, _load(help="90, 90s, 5m, 1h; of each stage with steps and overload.")]
Rate = Annotated[float, _load(help="Questions a second (arrivals).")]
Steps = Annotated[str, _load(help="Users of each stage (steps).")]
Factor = Annotated[int, _load(help="Overload as a multiple of the users (overload).")]
StreamShare = Annotated[float, _load(help="Share of questions that are streamed, 0 to 1.")]
SearchShare = Annotated[float, _load(help="Share of office questions that search the web, 0 to 1.")]
Turns = Annotated[int, _load(help="Turns of a room before the next one.")]
Seed = Annotated[int, _load(help="Same seed, same questions.")]
Processes = Annotated[int, _load(help="Generator processes.")]
ClientTimeout = Annotated[float, _load(help="Seconds that a client waits for an answer.")]
KeepRooms = Annotated[bool, _load(help="Leave the simulated users' rooms in the history.")]

Slo = Annotated[
    list[str] | None,
    _judging(
        envvar="LOADTEST_SLO",
        help="Goal like success>=99, p95<=30 or within:30>=95; may repeat; a wrong one lists all measures.",
    ),
]
Prove = Annotated[bool, _judging(help="Goals about shares must hold with their whole 95 % interval.")]
GoodWithin = Annotated[float, _judging(help="Seconds within which an answer counts as good.")]
MaxLag = Annotated[float, _judging(help="Seconds that a generator may be late and still be believed.")]

Results = Annotated[Path, _results(envvar="LOADTEST_RESULTS", help="Folder that gets a folder for the run.")]
RunId = Annotated[
    str,
    _results(
        envvar="LOADTEST_RUN_ID",
        help="Name of the run, new in that folder; default: the time and the service.",
        show_default=False,
    ),
]
Note = Annotated[
    list[str] | None, _results(help="KEY=VALUE kept with the run: card, build, model file; may repeat.")
]
