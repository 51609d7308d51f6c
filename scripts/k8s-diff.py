#!/usr/bin/env python3
"""k8s-diff.py [REVISION]: what the chart of the working tree renders otherwise than that of REVISION.

REVISION is the last commit unless named. Prints a unified diff for each example, NOTES included; an example
is read from the tree that it is rendered with.
"""

import difflib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.chart.rendering import CHART, whole  # noqa: E402


def examples(chart: Path) -> set[str]:
    """Names of the chart's examples, and "" for its defaults."""
    return {"", *(path.stem for path in (chart / "examples").glob("*.yaml"))}


def lines(name: str, chart: Path) -> list[str]:
    """An example as this chart renders it; nothing where the chart does not have it."""
    return whole(name, chart).splitlines(keepends=True) if name in examples(chart) else []


def main(revision: str) -> None:
    """Compare every example that one of the two charts has."""
    with tempfile.TemporaryDirectory() as folder:
        path = CHART.relative_to(ROOT)
        archive = subprocess.run(
            ["git", "archive", revision, str(path)], cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
        former = Path(folder) / path
        same = []
        for name in sorted(examples(former) | examples(CHART)):
            shown = name or "defaults"
            found = list(
                difflib.unified_diff(
                    lines(name, former),
                    lines(name, CHART),
                    f"{shown} ({revision})",
                    f"{shown} (working tree)",
                )
            )
            sys.stdout.writelines(found)
            same += [] if found else [shown]
        print(f"unchanged: {', '.join(same) or 'none'}")


if __name__ == "__main__":
    main(*sys.argv[1:] or ["HEAD"])
