"""The command line: `loadtest run`, `merge`, `report`, `compare`, `dashboard`."""

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from loadtest import commands, supervisor
from loadtest.client import CLIENT_SECONDS
from loadtest.plan import DEFAULT_STEPS, ShapeName, parse_seconds
from loadtest.progress import Progress, show
from loadtest.request import Request, ServiceChoice, WrongUsageError, new_run_id
from loadtest.slo import parse
from loadtest.verdict import Exit

app = typer.Typer(
    help="부하 시험 · A load test that proves itself. "
    "Exit: 0 passed, 1 goal missed, 2 run invalid, 3 target unreachable, 64 wrong usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
logger = logging.getLogger("loadtest")

_LOG_WIDTH = 160


@app.command()
def run(
    target: Annotated[
        str, typer.Option("--target", "--host", envvar="LOADTEST_TARGET", help="Address of the gateway.")
    ] = "http://127.0.0.1:8001",
    service: Annotated[ServiceChoice, typer.Option(envvar="LOADTEST_SERVICE", help="Under load.")] = "both",
    shape: Annotated[ShapeName, typer.Option(help="How the load goes over time.")] = "fixed",
    users: Annotated[int, typer.Option(help="Simulated users (fixed, overload, soak).")] = 20,
    spawn_rate: Annotated[float, typer.Option(help="Users that begin a second.")] = 10.0,
    duration: Annotated[
        str, typer.Option(help="90, 90s, 5m, 1h; of each stage with steps and overload.")
    ] = "60s",
    rate: Annotated[float, typer.Option(help="Questions a second (arrivals).")] = 1.0,
    steps: Annotated[str, typer.Option(help="Users of each stage (steps).")] = ",".join(
        map(str, DEFAULT_STEPS)
    ),
    factor: Annotated[int, typer.Option(help="Overload as a multiple of the users (overload).")] = 10,
    slo: Annotated[
        list[str] | None,
        typer.Option(envvar="LOADTEST_SLO", help="Goal like success>=99 or p95<=30; may repeat."),
    ] = None,
    prove: Annotated[
        bool, typer.Option(help="Goals about shares must hold with their whole 95 % interval.")
    ] = False,
    good_within: Annotated[float, typer.Option(help="Seconds within which an answer counts as good.")] = 30.0,
    stream_share: Annotated[float, typer.Option(help="Share of questions that are streamed.")] = 0.5,
    search_share: Annotated[float, typer.Option(help="Share of office questions that search the web.")] = 0.0,
    turns: Annotated[int, typer.Option(help="Turns of a room.")] = 4,
    processes: Annotated[int, typer.Option(help="Generator processes.")] = 1,
    seed: Annotated[int, typer.Option(help="Same seed, same questions.")] = 1,
    client_timeout: Annotated[
        float, typer.Option(help="Seconds that a client waits for an answer.")
    ] = CLIENT_SECONDS,
    max_lag: Annotated[
        float, typer.Option(help="Seconds that a generator may be late and still be believed.")
    ] = 0.5,
    wait: Annotated[
        str, typer.Option(envvar="LOADTEST_WAIT", help="How long to wait for the target.")
    ] = "1s",
    counters: Annotated[
        list[str] | None,
        typer.Option(
            envvar="LOADTEST_COUNTERS",
            help="Own address of a service, for its counters; every pod must be behind one; may repeat.",
        ),
    ] = None,
    results: Annotated[
        Path, typer.Option(envvar="LOADTEST_RESULTS", help="Folder that gets a folder for the run.")
    ] = Path("results"),
    run_id: Annotated[
        str, typer.Option(envvar="LOADTEST_RUN_ID", help="Name of the run; default: the time.")
    ] = "",
    keep_rooms: Annotated[
        bool, typer.Option(help="Leave the simulated users' rooms in the history.")
    ] = False,
    api_key: Annotated[
        str, typer.Option(envvar="LOADTEST_API_KEY", help="Bearer token.", show_default=False)
    ] = "",
) -> None:
    """Put load on the services, record every attempt, and judge the run."""
    try:
        request = Request(
            target=target.rstrip("/"),
            service=service,
            shape=shape,
            users=users,
            spawn_rate=spawn_rate,
            seconds=parse_seconds(duration),
            rate=rate,
            steps=tuple(int(step) for step in steps.split(",")),
            factor=factor,
            stream_share=stream_share,
            search_share=search_share,
            turns=turns,
            processes=processes,
            seed=seed,
            client_timeout=client_timeout,
            most_lag=max_lag,
            wait_seconds=parse_seconds(wait),
            goals=tuple(parse(goal) for goal in slo or ()),
            good_seconds=good_within,
            prove=prove,
            counters=tuple(counters or ()),
            results=results,
            run_id=run_id or new_run_id(service),
            keep_rooms=keep_rooms,
            api_key=api_key,
        )
        request.check()
    except (WrongUsageError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    # A log has no width of its own; long lines there beat lines that are cut.
    console = Console(width=None if sys.stdout.isatty() else _LOG_WIDTH)
    progress = Progress(console, request)
    verdict, summary = supervisor.run(request, progress)
    progress.close()
    show(console, verdict, summary, str(request.folder))
    raise typer.Exit(int(verdict.exit))


app.command()(commands.merge)
app.command()(commands.report)
app.command()(commands.compare)
app.command()(commands.dashboard)


def main() -> None:
    """Runs the command line; whatever nobody expected makes a run invalid, never passed."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        typer.echo(getattr(error, "format_message", error.__str__)(), err=True)
        sys.exit(Exit.WRONG_USAGE)
    except typer.Abort:
        sys.exit(Exit.INVALID)
    except Exception:
        logger.exception("unexpected; the run is invalid")
        sys.exit(Exit.INVALID)
    sys.exit(code or 0)
