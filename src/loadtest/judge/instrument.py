"""Whether the instrument itself was fit: enough CPU, a steady clock, a sum that closes, a rate that was kept.

Each check returns what it found: its faults, or its evidence that there are none, or that it had nothing to
go by; a check that could not have failed has shown nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.judge.reasons import Reason, because
from loadtest.plan.agreement import BEAT_SECONDS
from loadtest.plan.stages import Stage
from loadtest.record.parts import PartFile, RecordedRun
from loadtest.stats.distribution import nearest_rank

MOST_CPU_PERCENT = 90.0
# A busy moment now and then is life; more than this share of the time bends the measurement.
SHARE_OF_BAD_TIME = 0.05
FORGIVEN_SECONDS = 2.0
# The system's clock may be slewed, which moves both clocks alike; a step moves one of them.
CLOCK_STEP_SECONDS = 0.5
LITTLE_TOLERANCE = 0.02
LITTLE_GRACE_SECONDS = 0.25
RATE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    faults: tuple[Reason, ...]
    """For which the run is invalid."""
    evidence: Reason
    """What to say when there are none."""
    shown: bool = True
    """Whether the check had anything that could have been wrong."""


def health(parts: Sequence[PartFile], most_lag: float) -> Finding:
    """Each generator had CPU to spare and was never late for long, weighted by time: a process that stood
    still for ten seconds reports one late beat, and it is ten seconds long.
    """
    faults = []
    worst = {"cpu": 0.0, "lag": 0.0}
    for part in parts:
        total = sum(BEAT_SECONDS + beat["lag"] for beat in part.beats)
        for what, limit in (("cpu", MOST_CPU_PERCENT), ("lag", most_lag)):
            values = sorted(round(beat[what] * 1e6) for beat in part.beats)
            if values:
                worst[what] = max(worst[what], nearest_rank(values, 95) / 1e6)
            bad = sum(BEAT_SECONDS + beat["lag"] for beat in part.beats if beat[what] > limit)
            if bad > max(FORGIVEN_SECONDS, SHARE_OF_BAD_TIME * total):
                faults.append(
                    because(
                        f"{what}_high",
                        part=part.name,
                        limit=f"{limit:g}",
                        bad=f"{bad:.0f}",
                        total=f"{total:.0f}",
                    )
                )
    if not any(part.beats for part in parts):
        return Finding((), because("no_beats"), shown=False)
    evidence = because("headroom", cpu=f"{worst['cpu']:.0f}", lag=f"{worst['lag'] * 1000:.0f}")
    return Finding(tuple(faults), evidence)


def clock(parts: Sequence[PartFile]) -> Finding:
    """The system's clock ran on. Durations never depend on it, but stamps that jump cannot be held against
    another program's log, and a machine that slept was no load.
    """
    faults = []
    for part in parts:
        step = max(part.drift_us, default=0) - min(part.drift_us, default=0)
        if step > CLOCK_STEP_SECONDS * 1e6:
            faults.append(because("clock_step", part=part.name, step=f"{step / 1e6:.1f}"))
    if all(len(part.drift_us) < 2 for part in parts):
        return Finding((), because("clock_unread"), shown=False)
    return Finding(tuple(faults), because("clock_steady"))


def little(run: RecordedRun) -> Finding:
    """Little's law over the whole run: the time integral of attempts in flight, kept by a counter while the
    run went, equals the sum of the rows' durations. A row that is missing, doubled or mistimed breaks it.
    (A generator that died took its counter with it; that it died is a fault of its own.)
    """
    witness = sum(part.bye["area"] for part in run.parts if part.bye)
    rows = sum(item.attempt.duration_us for part in run.parts if part.bye for item in part.ended) / 1e6
    off = abs(witness - rows)
    # Each attempt may differ by what its record takes to write; so much proves nothing either way.
    if max(witness, rows) <= LITTLE_GRACE_SECONDS:
        return Finding((), because("little_nothing", limit=f"{LITTLE_GRACE_SECONDS:g}"), shown=False)
    found = because("little", counter=f"{witness:.3f}", rows=f"{rows:.3f}")
    wrong = off > LITTLE_TOLERANCE * max(witness, rows) + LITTLE_GRACE_SECONDS
    return Finding((found,) if wrong else (), found)


def rate(run: RecordedRun, plan: Sequence[Stage], most_lag: float) -> Finding:
    """An open loop sent as many questions a second as it was told to, each at its moment."""
    wanted = next((stage.level for stage in plan if stage.open_loop), None)
    if wanted is None:
        return Finding((), because("closed_loop"))
    sent = sorted(
        (item.extras["intended_us"], item.start_us) for item in run.ended if "intended_us" in item.extras
    )
    if len(sent) < 2:
        few = because("few_arrivals")
        return Finding((few,), few)
    span = max(1, sent[-1][1] - sent[0][1]) / 1e6
    achieved = (len(sent) - 1) / span
    late = nearest_rank(sorted(max(0, start - intended) for intended, start in sent), 99) / 1e6
    faults = []
    # Lateness at the edges, judged on its own below, moves the rate of a short run by so much.
    if abs(achieved / wanted - 1) > RATE_TOLERANCE + 1 / len(sent) + most_lag / span:
        faults.append(because("rate_off", achieved=f"{achieved:.3f}", wanted=f"{wanted:g}"))
    if late > most_lag:
        faults.append(because("late", late=f"{late:.3f}"))
    evidence = because(
        "rate_kept", achieved=f"{achieved:.3f}", wanted=f"{wanted:g}", late=f"{late * 1000:.0f}"
    )
    return Finding(tuple(faults), evidence)
