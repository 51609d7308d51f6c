"""Commands that look at runs which are over: merge, report, verify, compare, dashboard."""

from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest.judge.judgement import judge_remains
from loadtest.judge.verdict import Exit
from loadtest.record import merge as merging
from loadtest.record.files import RESULTS, place
from loadtest.record.reading import UnreadableError, read_file
from loadtest.record.rows import Attempt
from loadtest.report import publish, verification
from loadtest.report.dashboard.page import build_page
from loadtest.run.progress import show
from loadtest.run.terminal import Terminal
from loadtest.stats.comparison import Difference, compare_runs

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of a run.")]
Source = Annotated[Path, typer.Argument(exists=True, help="Folder of a run, or a CSV file.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="File; default: report.html of the run, or the CSV's name with .html."),
]
PageOut = Annotated[Path | None, typer.Option("--out", "-o", help="File; default: dashboard.html.")]


def merge(folder: Folder) -> None:
    """Join the part files of a run into results.csv again; safe to repeat."""
    found = merging.load(folder)
    if not found.parts:
        raise typer.BadParameter(f"{folder} holds no part files")
    merging.write(folder, found)
    torn = sum(part.torn for part in found.parts)
    lost = sum(part.bye is None for part in found.parts)
    typer.echo(
        f"{len(found.ended)} rows, {len(found.opened)} in flight, {torn} torn lines, {lost} generators lost"
    )


def report(source: Source, out: Out = None) -> None:
    """Make report.html of a run or of a CSV file.

    A run without a manifest lost its parent, or locust ran by itself.
    What is left of it is merged and judged first: exit 2 if something is missing.
    """
    if not source.is_dir():
        _read(source)
        target = out or source.with_suffix(".html")
        place(target, build_page(csv=source.read_bytes()))
    elif (source / publish.MANIFEST).exists():
        target = _report_again(source, out)
    else:
        target = _report_remains(source, out)
    typer.echo(str(target))


def _report_again(folder: Path, out: Path | None) -> Path:
    """The report of a finished run: its files stay as they are, but for the page."""
    _read(folder / RESULTS)
    if out is None:
        publish.renew_page(folder)
        return folder / publish.REPORT
    place(out, publish.page_of(folder))
    return out


def _report_remains(folder: Path, out: Path | None) -> Path:
    found = merging.load(folder)
    target = out or folder / publish.REPORT
    if not found.parts:
        _read(folder / RESULTS)
        place(target, publish.page_of(folder))
        return target
    identity = publish.read(folder / publish.IDENTITY)
    verdict, summary = judge_remains(found, identity)
    merging.write(folder, found)
    publish.write_json(folder / publish.SUMMARY, summary)
    place(target, publish.page_of(folder))
    if (folder.parent / publish.INDEX).exists():
        publish.index(folder.parent)
    show(Terminal(), verdict, summary, str(folder))
    if verdict:
        typer.echo(str(target))
        raise typer.Exit(int(Exit.INVALID))
    return target


def verify(folder: Folder) -> None:
    """Hold a run's files against its manifest, and end as the run did.

    Exit: 0 passed, 1 goal missed, 2 run invalid.
    Also 2 when a file is not what the manifest says, or there is no manifest.
    """
    faults, verdict = verification.verify(folder)
    for fault in faults:
        typer.echo(f"  - {fault}")
    typer.echo(f"{folder}: {'NOT AS IT WAS WRITTEN, INVALID' if faults else f'as it was written, {verdict}'}")
    raise typer.Exit(int(Exit.INVALID if faults else Exit[verdict.upper()]))


def compare(earlier: Source, later: Source) -> None:
    """Say what differs between two runs, with intervals; "no detectable change" where they cover zero."""
    console = Terminal()
    for difference in compare_runs(_rows(earlier), _rows(later)):
        console.print(_line(difference), highlight=False, soft_wrap=True)


def dashboard(out: PageOut = None) -> None:
    """Write the dashboard without data: it opens CSV files dropped, chosen or named by ?run=."""
    target = out or Path("dashboard.html")
    place(target.absolute(), build_page())
    typer.echo(str(target))


def _rows(source: Path) -> list[Attempt]:
    return _read(source / RESULTS if source.is_dir() else source)


def _read(path: Path) -> list[Attempt]:
    try:
        return read_file(path).attempts
    except (UnreadableError, OSError) as error:
        raise typer.BadParameter(f"{path}: {error}") from error


def _line(difference: Difference) -> str:
    def text(value: Any) -> str:
        return "-" if value is None else f"{value:.4g}"

    if difference.low is None or difference.high is None:
        word = "no interval"
    elif difference.low <= 0 <= difference.high:
        word = "no detectable change"
    else:
        word = "changed"
    interval = f"95 %: {text(difference.low)} to {text(difference.high)}"
    return (
        f"{difference.name}: {text(difference.earlier)} -> {text(difference.later)}"
        f" (difference {text(difference.change)}, {interval}): {word}"
    )
