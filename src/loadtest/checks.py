"""Whether a run may be judged at all: the reasons for which it is INVALID, each with its evidence.

A tool that cannot prove its own completeness must not say "passed". `not_provable` is no fault of the run:
others used the service, or its counters were out of reach.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from loadtest.parts import Part, Run
from loadtest.plan import Stage
from loadtest.reconcile import Comparison
from loadtest.stats.distribution import nearest_rank

State = Literal["ok", "invalid", "not_provable"]
MOST_CPU_PERCENT = 90.0
# A busy second now and then is life; more than this share of them bends the measurement.
SHARE_OF_BAD_BEATS = 0.05
LITTLE_TOLERANCE = 0.02
LITTLE_GRACE_SECONDS = 0.25
RATE_TOLERANCE = 0.01


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
        _check("generators", _generators(run, generators, exit_codes)),
        _check("records", _records(run)),
        _check("finished", _finished(run, interrupted=interrupted)),
        _check("health", _health(run.parts, most_lag)),
        _check("little", _little(run)),
        _check("rate", _rate(run, plan, most_lag)),
        _reconciled(comparisons),
    ]


def _check(name: str, found: tuple[list[str], str]) -> Check:
    faults, fine = found
    return Check(name, "invalid" if faults else "ok", "; ".join(faults) or fine)


def _generators(run: Run, expected: int, exit_codes: Sequence[int]) -> tuple[list[str], str]:
    faults = [f"{part.name} did not say goodbye: its process died" for part in run.parts if part.bye is None]
    if len(run.parts) != expected:
        faults.append(f"{len(run.parts)} part files of {expected} generators")
    faults += [f"generator {i + 1} ended with code {code}" for i, code in enumerate(exit_codes) if code]
    return faults, f"{expected} began and said goodbye"


def _records(run: Run) -> tuple[list[str], str]:
    faults = []
    for part in run.parts:
        counts = {"torn lines": part.torn, "missing records": part.gaps, "rows without start": part.orphans}
        if part.bye is not None:
            counts["rows missing"] = part.bye["ends"] - len(part.ended)
            counts["starts missing"] = part.bye["starts"] - len(part.starts)
        faults += [f"{part.name}: {count} {what}" for what, count in counts.items() if count]
    if run.doubled:
        faults.append(f"{run.doubled} rows twice")
    if not run.ended:
        faults.append("no attempt at all")
    return faults, f"{len(run.ended)} rows, none missing, torn or doubled"


def _finished(run: Run, *, interrupted: bool) -> tuple[list[str], str]:
    faults = [trouble for part in run.parts for trouble in part.troubles]
    if interrupted:
        faults.append("the run was interrupted")
    if run.opened:
        faults.append(f"{len(run.opened)} attempts in flight when the generator died")
    cut = sum(attempt.failure_reason == "aborted_by_generator" for attempt in run.attempts)
    if cut:
        faults.append(f"{cut} attempts cut off by the generator: the slowest ones are missing")
    return faults, "every attempt that began also ended"


def _health(parts: Sequence[Part], most_lag: float) -> tuple[list[str], str]:
    faults = []
    worst: dict[str, float] = {"cpu": 0.0, "lag": 0.0}
    for part in parts:
        for what, limit, unit in (("cpu", MOST_CPU_PERCENT, " %"), ("lag", most_lag, " s")):
            values = sorted(beat[what] for beat in part.beats)
            bad = sum(value > limit for value in values)
            if values:
                worst[what] = max(
                    worst[what], nearest_rank([round(value * 1e6) for value in values], 95) / 1e6
                )
            if bad > max(1, SHARE_OF_BAD_BEATS * len(values)):
                faults.append(f"{part.name}: {what} above {limit:g}{unit} in {bad} of {len(values)} seconds")
    return faults, f"p95 of CPU {worst['cpu']:.0f} %, of lateness {worst['lag'] * 1000:.0f} ms"


def _little(run: Run) -> tuple[list[str], str]:
    """Little's law over the whole run: the time integral of attempts in flight, kept by a counter while the
    run went, equals the sum of the rows' durations. A row that is missing, doubled or mistimed breaks it.
    """
    witness = sum(part.bye["area"] for part in run.parts if part.bye)
    rows = sum(attempt.duration_us for attempt in run.attempts) / 1e6
    off = abs(witness - rows)
    text = f"in flight {witness:.3f} s by the counter, {rows:.3f} s by the rows"
    # Each attempt may differ by what its record takes to write; the share is judged above that.
    if off > LITTLE_TOLERANCE * max(witness, rows) + LITTLE_GRACE_SECONDS:
        return [text], text
    return [], text


def _rate(run: Run, plan: Sequence[Stage], most_lag: float) -> tuple[list[str], str]:
    wanted = next((stage.level for stage in plan if stage.open_loop), None)
    if wanted is None:
        return [], "closed loop: no rate to keep"
    sent = sorted(
        (item.extras["intended_us"], item.start_us) for item in run.ended if "intended_us" in item.extras
    )
    if len(sent) < 2:
        return ["fewer than two arrivals"], ""
    span = max(1, sent[-1][1] - sent[0][1]) / 1e6
    achieved = (len(sent) - 1) / span
    late = nearest_rank(sorted(max(0, start - intended) for intended, start in sent), 99) / 1e6
    faults = []
    # Lateness at the edges, judged on its own below, moves the rate of a short run by so much.
    if abs(achieved / wanted - 1) > RATE_TOLERANCE + 1 / len(sent) + most_lag / span:
        faults.append(f"{achieved:.3f} arrivals a second instead of {wanted:g}")
    if late > most_lag:
        faults.append(f"p99 of lateness {late:.3f} s")
    return faults, f"{achieved:.3f} arrivals a second of {wanted:g}, p99 of lateness {late * 1000:.0f} ms"


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
