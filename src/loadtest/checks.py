"""Whether a run may be judged at all: the reasons for which it is INVALID, each with its evidence.

A tool that cannot prove its own completeness must not say "passed". `not_provable` is no fault of the run:
others used the service, or its counters were out of reach.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.generators import CANNOT_RECORD
from loadtest.instrument import Found, clock, health, little, rate
from loadtest.parts import Part, Run
from loadtest.plan import Stage
from loadtest.reconcile import Comparison

State = Literal["ok", "invalid", "not_provable"]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of validity and what was found."""

    name: str
    state: State
    detail: str


def check_run(
    run: Run,
    *,
    generators: int,
    exit_codes: Sequence[int],
    interrupted: bool,
    plan: Sequence[Stage],
    comparisons: Sequence[Comparison],
    most_lag: float,
) -> list[Check]:
    """All checks of a run that a parent process supervised. `exit_codes`: of the generators, in order.
    `most_lag`: seconds that a generator may be late, with its loop and with an open loop's questions.
    """
    return [
        *check_parts(
            run, generators=generators, exit_codes=exit_codes, interrupted=interrupted, most_lag=most_lag
        ),
        _check("rate", rate(run, plan, most_lag)),
        _reconciled(comparisons),
    ]


def check_parts(
    run: Run, generators: int, exit_codes: Sequence[int], *, interrupted: bool, most_lag: float
) -> list[Check]:
    """The checks that need nothing but the part files: all that is left when nobody supervised a run."""
    return [
        _check("generators", _generators(run, generators, exit_codes)),
        _check("records", _records(run)),
        _check("finished", _finished(run, interrupted=interrupted)),
        _check("health", health(run.parts, most_lag)),
        _check("clock", clock(run.parts)),
        _check("little", little(run)),
    ]


def _check(name: str, found: Found) -> Check:
    faults, fine = found
    return Check(name, "invalid" if faults else "ok", "; ".join(faults) or fine)


def _generators(run: Run, expected: int, exit_codes: Sequence[int]) -> Found:
    faults = [_silent(part) for part in run.parts if part.bye is None]
    if len(run.parts) != expected:
        faults.append(f"{len(run.parts)} part files of {expected} generators")
    faults += [f"generator {i + 1} {_ending(code)}" for i, code in enumerate(exit_codes) if code]
    return faults, f"{expected} began and said goodbye"


def _silent(part: Part) -> str:
    return f"{part.name} did not say goodbye: its process died or could not write any more"


def _ending(code: int) -> str:
    if code == CANNOT_RECORD:
        return "could not write its records (locust.log says why: disk full, read-only, gone)"
    if code < 0:
        return f"was killed by signal {-code}"
    return f"ended with code {code} (locust.log says why)"


def _records(run: Run) -> Found:
    faults = []
    for part in run.parts:
        counts = {"torn lines": part.torn, "missing records": part.gaps, "rows without start": part.orphans}
        if part.bye is not None:
            counts["rows missing"] = part.bye["ends"] - len(part.ended)
            counts["starts missing"] = part.bye["starts"] - part.started
        faults += [f"{part.name}: {count} {what}" for what, count in counts.items() if count]
    if run.doubled:
        faults.append(f"{run.doubled} rows twice")
    if not run.ended:
        faults.append("no attempt at all")
    return faults, f"{len(run.ended)} rows, none missing, torn or doubled"


def _finished(run: Run, *, interrupted: bool) -> Found:
    faults = [trouble for part in run.parts for trouble in part.troubles]
    if interrupted:
        faults.append("the run was interrupted")
    if run.opened:
        faults.append(f"{len(run.opened)} attempts have no end: in flight when their generator died")
    cut = sum(attempt.failure_reason == "aborted_by_generator" for attempt in run.attempts)
    if cut:
        faults.append(f"{cut} attempts cut off by the generator: the slowest ones are missing")
    return faults, "every attempt that began also ended"


def _reconciled(comparisons: Sequence[Comparison]) -> Check:
    words = "; ".join(_word(comparison) for comparison in comparisons) or "no service was asked"
    states = {comparison.state for comparison in comparisons}
    if "mismatch" in states:
        return Check("counters", "invalid", words)
    told = [comparison for comparison in comparisons if comparison.state != "absent"]
    if states & {"foreign", "restarted"} or len({c.service for c in told}) < len(
        {c.service for c in comparisons}
    ):
        return Check("counters", "not_provable", words)
    return Check("counters", "ok", words)


def _word(comparison: Comparison) -> str:
    head = f"{comparison.service}/{comparison.source}"
    if not comparison.counted:
        return f"{head}: {'not reachable' if comparison.state == 'absent' else comparison.state}"
    low, high = comparison.least["total"], comparison.most["total"]
    rows = str(low) if low == high else f"{low} to {high}"
    return f"{head}: {comparison.counted['total']} counted, {rows} by the rows ({comparison.state})"
