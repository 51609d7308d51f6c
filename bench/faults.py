"""Run the catalogue of faults and print it: fault, promise, what was seen, figures.

usage: python -m bench.faults [--document]

Runs every test that tests/faults/catalogue.py names, each once, and ends with 1 when one fails or does not
run. The soak and the overload run apart: their rows name the commands. With ``--document`` it prints the
table of docs/reliability.md instead and runs nothing.
"""

import argparse
import sys
from collections import defaultdict

import pytest
from bench.suite import machine
from tests.faults.catalogue import ROWS, Row
from tests.faults.reliability_table import document


class Seen:
    """A pytest plugin that notes how each named test ended."""

    def __init__(self) -> None:
        self.ends: defaultdict[str, list[str]] = defaultdict(list)
        """``passed``, ``failed`` or ``skipped`` of each run of a test, by its name in the catalogue."""
        self.seconds: defaultdict[str, float] = defaultdict(float)
        """How long all runs of a test took."""
        self.figures: defaultdict[str, list[str]] = defaultdict(list)
        """What a test recorded as its figures."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """See pytest: called for set-up, call and teardown of each run."""
        name = report.nodeid.removeprefix("tests/").partition("[")[0]
        self.seconds[name] += report.duration
        if report.when == "call" or report.outcome != "passed":
            self.ends[name].append(report.outcome)
            self.figures[name] += [str(value) for key, value in report.user_properties if key == "figures"]


def _seen(row: Row, seen: Seen) -> str:
    ends = [end for name in row.tests for end in seen.ends[name] or ["did not run"]]
    if not ends:
        return "not run here"
    others = sorted({end for end in ends if end != "passed"})
    figures = "; ".join(figure for name in row.tests for figure in seen.figures[name])
    took = sum(seen.seconds[name] for name in row.tests)
    return (
        f"{ends.count('passed')} of {len(ends)} held{', else ' + ', '.join(others) if others else ''}, "
        f"{took:.1f} s{'; ' + figures if figures else ''}"
    )


def main() -> int:
    """Run, print, and return the exit code."""
    seen = Seen()
    names = list(dict.fromkeys(f"tests/{name}" for row in ROWS for name in row.tests))
    code = pytest.main(["-q", "-p", "no:cacheprovider", *names], plugins=[seen])
    print("\n| fault | promise | seen |\n|---|---|---|")
    for row in ROWS:
        note = f"; {row.missing}" if row.missing else ""
        cluster = f"; in a cluster: {len(row.cluster)} tests of ./taskw k8s:test" if row.cluster else ""
        print(f"| {row.fault} | {row.promise} | {_seen(row, seen)}{cluster}{note} |")
    print(f"\n{machine()}")
    complete = all(seen.ends[name] and {*seen.ends[name]} == {"passed"} for row in ROWS for name in row.tests)
    return 0 if code == 0 and complete else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--document", action="store_true")
    if parser.parse_args().document:
        print(document(), end="")
    else:
        sys.exit(main())
