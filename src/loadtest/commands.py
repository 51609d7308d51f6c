"""Commands that look at runs which are over: merge, report, compare, dashboard."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from loadtest import merge as merging
from loadtest import publish
from loadtest.dashboard.page import build_page
from loadtest.reading import UnreadableError, read_file
from loadtest.rows import Attempt
from loadtest.stats.comparison import Difference, compare_runs

Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Folder of a run.")]
Source = Annotated[Path, typer.Argument(exists=True, help="Folder of a run, or a CSV file.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write.")]


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
    """Make the self-contained report of a run or of a CSV file; without a parent process it holds no
    verdict.
    """
    if source.is_dir():
        found = merging.load(source)
        if found.parts:
            merging.write(source, found)
        rows = source / merging.RESULTS
        summary, manifest = publish.read(source / publish.SUMMARY), publish.read(source / publish.MANIFEST)
        target = out or source / publish.REPORT
    else:
        rows, summary, manifest = source, {}, {}
        target = out or source.with_suffix(".html")
    _read(rows)
    merging.place(
        target, build_page(csv=rows.read_bytes(), summary=summary or None, manifest=manifest or None)
    )
    typer.echo(str(target))


def compare(earlier: Source, later: Source) -> None:
    """Say what differs between two runs, with intervals; "no detectable change" where they cover zero."""
    console = Console()
    for difference in compare_runs(_rows(earlier), _rows(later)):
        console.print(_line(difference), highlight=False, soft_wrap=True)


def dashboard(out: Out = None) -> None:
    """Write the dashboard without data: it opens CSV files dropped, chosen or named by ?run=."""
    target = out or Path("dashboard.html")
    merging.place(target.absolute(), build_page())
    typer.echo(str(target))


def _rows(source: Path) -> list[Attempt]:
    return _read(source / merging.RESULTS if source.is_dir() else source)


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
