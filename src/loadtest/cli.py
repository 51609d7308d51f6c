"""The program `loadtest`: its commands, its exit codes, and the flags of `run` as they are declared in
`loadtest.plan`.
"""

import inspect
import logging
import sys
from typing import Annotated, Any

import typer

from loadtest import commands
from loadtest.judge.verdict import Exit
from loadtest.plan.flags import DeclaredFlag, WrongUsageError, declared
from loadtest.plan.request import RunRequest
from loadtest.report.publish import ended
from loadtest.run import supervisor
from loadtest.run.progress import RunProgress, show
from loadtest.run.terminal import Terminal

app = typer.Typer(
    help="부하 시험 · A load test that proves itself. "
    "Exit: 0 passed, 1 goal missed, 2 run invalid, 3 target unreachable, 64 wrong usage.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
logger = logging.getLogger("loadtest")


def run(**texts: Any) -> None:
    """Put load on the services, record every attempt, and judge the run.

    Ctrl-C lets what has begun finish; a second one cuts it off.
    What was measured is kept either way.

    Exit: 0 passed, 1 goal missed, 2 run invalid, 3 target unreachable, 64 wrong usage.

    loadtest run --users 20 --duration 60s --slo 'success>=99' --slo 'p95<=30'
    """
    terminal = Terminal()
    try:
        request = RunRequest.read(texts)
        if before := ended(request.folder, request.content):
            typer.echo(
                f"{request.folder}: was run before and ended as {before}; another --run-id runs it again"
            )
            raise typer.Exit(int(Exit[before.upper()]))
        request.check_new()
        progress = RunProgress(terminal, request)
        verdict, summary = supervisor.run(request, progress)
    except WrongUsageError as error:
        raise typer.BadParameter(str(error)) from error
    progress.close()
    show(terminal, verdict, summary, str(request.folder))
    raise typer.Exit(int(verdict.exit))


def _parameter(one: DeclaredFlag) -> inspect.Parameter:
    """A flag as typer knows it. Its text is read by the flag itself, so that every way in has one rule."""
    flag = one.flag
    kind, default, shown = (
        (bool, one.default, True)
        if flag.kind is None
        else (list[str] | None, None, False)
        if flag.many
        else (str, one.text, bool(one.text))
    )
    option = typer.Option(
        *(flag.names or ()),
        envvar=flag.env or None,
        help=flag.help,
        metavar=flag.kind.metavar if flag.kind else None,
        rich_help_panel=flag.panel,
        show_default=shown,
    )
    hint = Annotated[kind, option]  # type: ignore[valid-type]
    return inspect.Parameter(one.field, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)


# What typer reads of a command are the parameters that its signature names.
vars(run)["__signature__"] = inspect.Signature(list(map(_parameter, declared(RunRequest))))
app.command()(run)
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
