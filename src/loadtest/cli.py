"""The command line: `loadtest run`, `merge`, `report`, `verify`, `compare`, `dashboard`."""

import logging
import sys
from pathlib import Path

import typer

from loadtest import commands, flags, supervisor
from loadtest.client import CLIENT_SECONDS
from loadtest.plan import DEFAULT_STEPS, parse_seconds
from loadtest.progress import Progress, show
from loadtest.request import (
    DEFAULT_GOOD_SECONDS,
    DEFAULT_LAG,
    Request,
    WrongUsageError,
    new_run_id,
    parse_note,
)
from loadtest.slo import parse
from loadtest.terminal import Terminal
from loadtest.verdict import Exit

app = typer.Typer(
    help="부하 시험 · A load test that proves itself. "
    "Exit: 0 passed, 1 goal missed, 2 run invalid, 3 target unreachable, 64 wrong usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
logger = logging.getLogger("loadtest")

_STEPS = ",".join(map(str, DEFAULT_STEPS))


@app.command()
def run(
    target: flags.Target = "http://127.0.0.1:8001",
    service: flags.Service = "both",
    wait: flags.Wait = "10s",
    counters: flags.Counters = None,
    api_key: flags.ApiKey = "",
    shape: flags.Shape = "fixed",
    users: flags.Users = 20,
    spawn_rate: flags.SpawnRate = 10.0,
    duration: flags.Duration = "60s",
    rate: flags.Rate = 1.0,
    steps: flags.Steps = _STEPS,
    factor: flags.Factor = 10,
    stream_share: flags.StreamShare = 0.5,
    search_share: flags.SearchShare = 0.0,
    turns: flags.Turns = 4,
    seed: flags.Seed = 1,
    processes: flags.Processes = 1,
    client_timeout: flags.ClientTimeout = CLIENT_SECONDS,
    keep_rooms: flags.KeepRooms = False,
    slo: flags.Slo = None,
    prove: flags.Prove = False,
    good_within: flags.GoodWithin = DEFAULT_GOOD_SECONDS,
    max_lag: flags.MaxLag = DEFAULT_LAG,
    results: flags.Results = Path("results"),
    run_id: flags.RunId = "",
    note: flags.Note = None,
) -> None:
    """Put load on the services, record every attempt, and judge the run.

    Ctrl-C lets what has begun finish; a second one cuts it off.
    What was measured is kept either way.

    Exit: 0 passed, 1 goal missed, 2 run invalid, 3 target unreachable, 64 wrong usage.

    loadtest run --users 20 --duration 60s --slo 'success>=99' --slo 'p95<=30'
    """
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
            notes=tuple(map(parse_note, note or ())),
            api_key=api_key,
        )
        request.check()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    terminal = Terminal()
    progress = Progress(terminal, request)
    try:
        verdict, summary = supervisor.run(request, progress)
    except WrongUsageError as error:
        raise typer.BadParameter(str(error)) from error
    progress.close()
    show(terminal, verdict, summary, str(request.folder))
    raise typer.Exit(int(verdict.exit))


app.command()(commands.merge)
app.command()(commands.report)
app.command()(commands.verify)
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
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("interrupted: INVALID", err=True)
        sys.exit(Exit.INVALID)
    except Exception:
        logger.exception("unexpected; the run is invalid")
        sys.exit(Exit.INVALID)
    sys.exit(code or 0)
