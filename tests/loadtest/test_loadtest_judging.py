"""Plans, goals, validity checks and the verdict."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.judge import summary
from loadtest.judge.checks import Check, check_parts, check_run
from loadtest.judge.goals import Judged, judge
from loadtest.judge.reasons import because
from loadtest.judge.verdict import Exit, decide
from loadtest.plan.agreement import CANNOT_RECORD
from loadtest.plan.goals import parse
from loadtest.plan.stages import Stage, parse_seconds, past_the_knee, stages, total_seconds
from loadtest.record import merge
from loadtest.record.parts import Ended, PartFile, RecordedRun
from loadtest.record.rows import Attempt

GOOD = Attempt(
    user_id="u",
    test_type="office",
    endpoint="/office/Llama",
    status_code=200,
    duration_us=1_000_000,
    success=True,
    start_us=1_795_491_721_000_000,
    is_final_success=True,
)


def ended(number: int, attempt: Attempt, **extras: Any) -> Ended:
    moved = replace(attempt, user_id=f"u{number}", start_us=attempt.start_us + number * 1_000_000)
    return Ended(f"q{number}-0", f"q{number}", moved.start_us, moved, {"request_id": "x", **extras})


def failed(status: int, reason: str) -> Attempt:
    return replace(GOOD, status_code=status, success=False, failure_reason=reason, is_final_success=False)


def part(rows: int, **changes: Any) -> PartFile:
    bye = {"starts": rows, "ends": rows, "area": rows * 1.0}
    beats = [{"cpu": 5.0, "lag": 0.001}] * 20
    found = PartFile("part-a", role="worker", bye=bye, beats=beats, drift_us=[0, 1])
    found.started = rows
    found.ended = [ended(i, GOOD) for i in range(rows)]
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def run_of(*parts: PartFile, opened: list[dict[str, Any]] | None = None) -> RecordedRun:
    return RecordedRun(list(parts), [row for each in parts for row in each.ended], opened or [], 0)


def states(run: RecordedRun, **changes: Any) -> dict[str, str]:
    asked: dict[str, Any] = {
        "generators": 1,
        "exit_codes": [0],
        "interrupted": False,
        "plan": [Stage("steady", 10, 1)],
        "comparisons": [],
        "most_lag": 0.5,
        **changes,
    }
    return {check.name: check.state for check in check_run(run, **asked)}


def test_a_clean_run_is_valid() -> None:
    assert set(states(run_of(part(9))).values()) == {"ok"}


def found_of(run: RecordedRun, name: str) -> tuple[str, str]:
    """State and words of one check."""
    checks = check_parts(run, 1, [0], interrupted=False, most_lag=0.5)
    check = next(check for check in checks if check.name == name)
    return check.state, check.as_dict()["detail"]


QUICK = [ended(i, replace(GOOD, duration_us=20_000)) for i in range(9)]


@pytest.mark.parametrize(
    ("name", "run", "said"),
    [
        ("little", run_of(part(0)), "nothing to compare: at most 0.25 s in flight"),
        (
            "little",
            run_of(part(9, ended=QUICK, bye={"starts": 9, "ends": 9, "area": 0.0})),
            "nothing to compare: at most 0.25 s in flight",
        ),
        ("health", run_of(part(9, beats=[])), "too short: no second was measured"),
        ("clock", run_of(part(9, drift_us=[5])), "too short: the clock was not read twice"),
    ],
)
def test_a_check_with_nothing_to_go_by_does_not_say_ok(name: str, run: RecordedRun, said: str) -> None:
    state, words = found_of(run, name)
    assert state == "not_provable"
    assert words.startswith(said)


def test_little_compares_as_soon_as_it_could_fail() -> None:
    one = [ended(0, GOOD)]
    assert found_of(run_of(part(1, ended=one)), "little")[0] == "ok"
    lost = run_of(part(1, ended=one, bye={"starts": 1, "ends": 1, "area": 0.0}))
    assert found_of(lost, "little") == ("invalid", "in flight 0.000 s by the counter, 1.000 s by the rows")


OPEN = {"id": "q1-1", "q": "q1", "endpoint": "/office/Llama"}
LATE = [Stage("arrivals", 10, 1.0, open_loop=True)]


@pytest.mark.parametrize(
    ("name", "run", "changes"),
    [
        ("generators", run_of(part(9, bye=None)), {}),
        ("generators", run_of(part(9)), {"generators": 2}),
        ("generators", run_of(part(9)), {"exit_codes": [-9]}),
        ("records", run_of(part(9, torn=1)), {}),
        ("records", run_of(part(9, gaps=1)), {}),
        ("records", run_of(part(9, orphans=1)), {}),
        ("records", run_of(part(9, bye={"starts": 10, "ends": 10, "area": 9.0})), {}),
        ("records", run_of(part(0)), {}),
        ("finished", run_of(part(9)), {"interrupted": True}),
        ("finished", run_of(part(9), opened=[OPEN]), {}),
        ("finished", run_of(part(9, ended=[ended(0, failed(0, "aborted_by_generator"))])), {}),
        ("finished", run_of(part(9, troubles=["disk"])), {}),
        ("health", run_of(part(9, beats=[{"cpu": 97.0, "lag": 0.0}] * 3)), {}),
        ("health", run_of(part(9, beats=[{"cpu": 7.0, "lag": 0.9}] * 3)), {}),
        ("health", run_of(part(9, beats=[{"cpu": 7.0, "lag": 0.0}] * 60 + [{"cpu": 7.0, "lag": 9.0}])), {}),
        ("clock", run_of(part(9, drift_us=[0, 1, 600_000])), {}),
        ("generators", run_of(part(9)), {"exit_codes": [CANNOT_RECORD]}),
        ("little", run_of(part(9, bye={"starts": 9, "ends": 9, "area": 10.0})), {}),
        ("rate", run_of(part(9)), {"plan": LATE}),
        (
            "rate",
            run_of(part(0, ended=[ended(i, GOOD, intended_us=GOOD.start_us) for i in range(9)])),
            {"plan": LATE},
        ),
    ],
)
def test_each_fault_makes_a_run_invalid(name: str, run: RecordedRun, changes: dict[str, Any]) -> None:
    assert states(run, **changes)[name] == "invalid"


def test_one_busy_moment_is_life() -> None:
    beats = [{"cpu": 7.0, "lag": 0.0}] * 60 + [{"cpu": 99.0, "lag": 0.8}]
    assert states(run_of(part(9, beats=beats, drift_us=[0, 400_000])))["health"] == "ok"


def test_an_open_loop_on_time_is_valid() -> None:
    rows = [ended(i, GOOD, intended_us=GOOD.start_us + i * 1_000_000 - 5000) for i in range(9)]
    assert states(run_of(part(9, ended=rows)), plan=LATE)["rate"] == "ok"


def measures(rows: list[Ended]) -> summary.Analysis:
    return summary.analyse(RecordedRun([PartFile("p")], rows, [], 0))


MIXED = [ended(i, GOOD) for i in range(97)] + [ended(100 + i, failed(500, "http_500")) for i in range(3)]


@pytest.mark.parametrize(
    ("goal", "prove", "state"),
    [
        ("success>=97", False, "met"),
        ("success>=97", True, "undecidable"),
        ("success>=90", True, "met"),
        ("success>97", False, "missed"),
        ("within:1>=97", False, "met"),
        ("within:0.5>=1", False, "missed"),
        ("p95<=1", False, "met"),
        ("p99<=1", False, "undecidable"),
        ("attempt.max<=0.9", False, "missed"),
        ("first_token.p50<=1", False, "undecidable"),
        ("server_errors<=3", False, "met"),
        ("server_errors<=2", False, "missed"),
        ("refused<=0", False, "met"),
        ("promises_kept>=50", False, "undecidable"),
        ("drift<=5", False, "undecidable"),
        ("throughput>=0.4", False, "met"),
    ],
)
def test_goals(goal: str, prove: bool, state: str) -> None:
    assert judge(parse(goal), measures(MIXED).measures(), prove=prove).state == state


@pytest.mark.parametrize("goal", ["speed>=1", "p95=3", "p95<=", "p96<=1", "within>=3", "queue.p95<=1"])
def test_goals_that_make_no_sense(goal: str) -> None:
    with pytest.raises(ValueError, match=r"not a goal|unknown measure"):
        parse(goal)


def judged(state: str) -> Judged:
    return Judged("p95<=1", state, 2.0, 60, why=because("not_measured"))  # type: ignore[arg-type]


OK, BAD, UNSURE = (
    Check("a", "ok", ()),
    Check("b", "invalid", (because("no_attempt"),)),
    Check("c", "not_provable", ()),
)


@pytest.mark.parametrize(
    ("rows", "checks", "goals", "code"),
    [
        ([GOOD], [OK, UNSURE], [judged("met")], Exit.PASSED),
        ([GOOD], [OK], [judged("met"), judged("missed")], Exit.MISSED),
        ([GOOD], [OK, BAD], [judged("missed")], Exit.INVALID),
        ([GOOD], [OK], [judged("undecidable")], Exit.INVALID),
        ([failed(0, "connect_error")] * 2, [BAD], [judged("missed")], Exit.UNREACHABLE),
    ],
)
def test_the_verdict(rows: list[Attempt], checks: list[Check], goals: list[Judged], code: Exit) -> None:
    assert decide(rows, checks, goals).exit is code


def test_the_plans() -> None:
    assert [stage.level for stage in stages("overload", seconds=5, users=3)] == [3, 30, 3]
    assert total_seconds(stages("steps", seconds=10, steps=(1, 2, 4))) == 30
    assert total_seconds(stages("soak", seconds=60)) == pytest.approx(60)
    assert total_seconds(stages("fixed", seconds=None)) is None
    assert stages("arrivals", seconds=1, rate=2.5)[0].open_loop
    for shape, seconds, users in (("steps", None, 1), ("fixed", 0, 1), ("fixed", 1, 0)):
        with pytest.raises(ValueError, match=r"duration|at least"):
            stages(shape, seconds=seconds, users=users)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1h30m", 5400), ("2.5s", 2.5), ("5m", 300), ("1m5", 65)]
)
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-5", "5x", "0", "1..2"])
def test_no_lengths_of_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"length|float"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("rates", "passed"),
    [
        ([1.0, 2.0], False),
        ([1.0, 2.0, 2.02, 2.03], True),
        ([1.0, 2.0, 2.02, 3.0], False),
        ([0.0, 0.0, 0.0], False),
    ],
)
def test_steps_end_after_the_knee(rates: list[float], passed: bool) -> None:
    assert past_the_knee(rates) == passed


def test_an_empty_folder_is_an_empty_run(tmp_path: Path) -> None:
    assert merge.load(tmp_path).ended == []
    assert summary.build(measures([]), 30)["totals"]["questions"] == 0
