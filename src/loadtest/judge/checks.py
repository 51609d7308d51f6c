"""Whether a run may be judged at all: the reasons for which it is INVALID, each with its evidence.

A tool that cannot prove its own completeness must not say "passed". `not_provable` is no fault of the run:
others used the service, its counters were out of reach, or the run was too short for the check to show
anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from loadtest.judge.instrument import Finding, clock, health, little, rate
from loadtest.judge.reasons import Reason, because
from loadtest.judge.reconcile import Comparison
from loadtest.plan.agreement import CANNOT_RECORD
from loadtest.plan.stages import Stage
from loadtest.record.parts import RecordedRun

State = Literal["ok", "invalid", "not_provable"]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of validity and what was found."""

    name: str
    """How reports call it."""
    state: State
    """Only `invalid` keeps a run from being judged."""
    found: tuple[Reason, ...]
    """Its faults, or the evidence that there are none."""

    def as_dict(self) -> dict[str, Any]:
        """As summary.json has it: in words, and coded for readers of another language."""
        return {
            "name": self.name,
            "state": self.state,
            "detail": "; ".join(map(str, self.found)),
            "coded": [reason.coded() for reason in self.found],
        }


def check_run(
    run: RecordedRun,
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
    run: RecordedRun, generators: int, exit_codes: Sequence[int], *, interrupted: bool, most_lag: float
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


def _check(name: str, found: Finding) -> Check:
    unfaulted: State = "ok" if found.shown else "not_provable"
    return Check(name, "invalid" if found.faults else unfaulted, found.faults or (found.evidence,))


def _generators(run: RecordedRun, expected: int, exit_codes: Sequence[int]) -> Finding:
    faults = [because("no_goodbye", part=part.name) for part in run.parts if part.bye is None]
    if len(run.parts) != expected:
        faults.append(because("other_parts", parts=len(run.parts), generators=expected))
    faults += [_ending(i + 1, code) for i, code in enumerate(exit_codes) if code]
    return Finding(tuple(faults), because("generators_left", count=expected))


def _ending(number: int, code: int) -> Reason:
    if code == CANNOT_RECORD:
        return because("cannot_record", number=number)
    if code < 0:
        return because("killed", number=number, signal=-code)
    return because("ended_with", number=number, exit=code)


def _records(run: RecordedRun) -> Finding:
    faults = []
    for part in run.parts:
        counts = {"torn_lines": part.torn, "missing_records": part.gaps, "rows_without_start": part.orphans}
        if part.bye is not None:
            counts["rows_missing"] = part.bye["ends"] - len(part.ended)
            counts["starts_missing"] = part.bye["starts"] - part.started
        faults += [because(code, part=part.name, count=count) for code, count in counts.items() if count]
    if run.doubled:
        faults.append(because("rows_twice", count=run.doubled))
    if not run.ended:
        faults.append(because("no_attempt"))
    return Finding(tuple(faults), because("rows_whole", rows=len(run.ended)))


def _finished(run: RecordedRun, *, interrupted: bool) -> Finding:
    faults = [because("trouble", what=trouble) for part in run.parts for trouble in part.troubles]
    if interrupted:
        faults.append(because("interrupted"))
    if run.opened:
        faults.append(because("no_end", count=len(run.opened)))
    cut = sum(attempt.failure_reason == "aborted_by_generator" for attempt in run.attempts)
    if cut:
        faults.append(because("cut_off", count=cut))
    return Finding(tuple(faults), because("all_ended"))


def _reconciled(comparisons: Sequence[Comparison]) -> Check:
    found = tuple(map(_compared, comparisons)) or (because("nobody_asked"),)
    states = {comparison.state for comparison in comparisons}
    if "mismatch" in states:
        return Check("counters", "invalid", found)
    told = [comparison for comparison in comparisons if comparison.state != "absent"]
    if states & {"foreign", "restarted"} or len({c.service for c in told}) < len(
        {c.service for c in comparisons}
    ):
        return Check("counters", "not_provable", found)
    return Check("counters", "ok", found)


def _compared(comparison: Comparison) -> Reason:
    source = f"{comparison.service}/{comparison.source}"
    if not comparison.counted:
        return because(comparison.state, source=source)
    low, high = comparison.least["total"], comparison.most["total"]
    rows = str(low) if low == high else f"{low}–{high}"
    counted = comparison.counted["total"]
    return because(f"counted_{comparison.state}", source=source, counted=counted, rows=rows)
