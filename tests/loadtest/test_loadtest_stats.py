"""The product's arithmetic against the plain second implementation, over generated files."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.loadtest import oracle
from tests.loadtest.strategies import HEADER, csv_texts

from loadtest.judge import summary
from loadtest.record.parts import Ended
from loadtest.record.reading import read_text
from loadtest.record.rows import REFUSED
from loadtest.stats.beside import beside_rows
from loadtest.stats.comparison import LEAST_RESAMPLES, between_ranks, bootstrap, compare_runs
from loadtest.stats.concurrency import Level, knee, knee_of, sweep
from loadtest.stats.distribution import Distribution, describe, nearest_rank, wilson
from loadtest.stats.phases import drift, kept_under_overload, phases, recovery, steps_knee
from loadtest.stats.questions import gather
from loadtest.stats.waiting import waiting


def assert_same(told: Distribution, plain: dict[str, Any]) -> None:
    assert told.as_dict().keys() == plain.keys()
    for name, value in told.as_dict().items():
        assert oracle.close(value, plain[name]), name


@settings(max_examples=150, deadline=None)
@given(text=csv_texts())
@example(text=HEADER + "\n")
def test_every_number_equals_the_plain_computation(text: str) -> None:
    attempts = read_text(text).attempts
    rows = oracle.load(text)
    assert len(attempts) == len(rows)
    chains, found = oracle.questions(rows), gather(attempts)
    assert sorted(len(question.attempts) for question in found) == sorted(map(len, chains))
    assert sum(question.answered for question in found) == sum(map(oracle.answered, chains))
    told = summary.latencies(attempts, found)
    good = [row for row in rows if row["ok"]]
    timed = [row for row in good if row["server"] is not None]
    assert_same(told["attempt"], oracle.times([row["us"] for row in good]))
    assert_same(told["perceived"], oracle.times(oracle.perceived(chains)))
    assert_same(told["server"], oracle.times([row["server"] for row in timed]))
    assert_same(told["overhead"], oracle.times([max(0, row["us"] - row["server"]) for row in timed]))
    assert_same(told["refusal"], oracle.times([row["us"] for row in rows if row["code"] == REFUSED]))
    waited, plain = waiting(found), oracle.waits(chains)
    assert waited.answered_after == plain["after"]
    for name in ("exhausted", "left", "open", "promises", "honoured", "kept", "error"):
        assert getattr(waited, name) == plain[name], name


@settings(max_examples=60, deadline=None)
@given(text=csv_texts(most=40))
def test_concurrency_equals_the_plain_computation(text: str) -> None:
    attempts = read_text(text).attempts
    swept = sweep(attempts)
    peak, bins = oracle.levels(oracle.load(text))
    assert swept.peak == peak
    assert swept.area_us == sum(max(1, attempt.duration_us) for attempt in attempts)
    assert [(level.low, level.high, level.time_us) for level in swept.levels] == [
        (level["low"], level["high"], level["us"]) for level in bins
    ]
    for level, plain in zip(swept.levels, bins, strict=True):
        assert oracle.close(level.answers, plain["answers"])
        assert oracle.close(level.throughput, plain["throughput"])
        assert oracle.close(level.mean_seconds, plain["mean"])
    span = oracle.span(oracle.load(text))
    assert swept.span_us == span
    told, known = knee_of(swept.levels, swept.span_us), oracle.knee(bins, span)
    assert (told is None) == (known is None)
    if told and known:
        assert (told.level, told.reached, told.lowest) == (known["high"], known["reached"], known["lowest"])
    answers = sum(attempt.success for attempt in attempts)
    assert sum(level.answers for level in swept.levels) == pytest.approx(answers)


@settings(deadline=None)
@given(hits=st.integers(0, 300), more=st.integers(0, 300))
def test_wilson_by_its_definition(hits: int, more: int) -> None:
    assert wilson(hits, hits + more) == pytest.approx(oracle.interval(hits, hits + more), abs=1e-9)


def test_how_many_it_takes() -> None:
    assert wilson(49, 52)[0] == pytest.approx(0.843, abs=0.001)
    assert describe(list(range(298))).p99 is None
    assert describe(list(range(1, 300))).p99 == 297 / 1e6
    assert nearest_rank([7], 1) == nearest_rank([7], 100) == 7


@pytest.mark.parametrize(
    ("points", "level", "reached", "lowest"),
    [
        ([(1, 1.0), (2, 2.0), (4, 3.9), (8, 4.0), (16, 4.0)], 4, True, False),
        ([(1, 1.0), (2, 2.0), (4, 4.0)], 4, False, False),
        ([(1, 1.0), (2, 3.75), (4, 4.0), (8, 3.9)], 4, True, False),
        ([(1, 1.0), (2, 3.85), (4, 4.0), (8, 3.9)], 2, True, False),
        ([(3, 5.0)], 3, False, True),
        ([(1, 4.0), (2, 2.0)], 1, True, True),
    ],
)
def test_the_knee_is_where_more_users_stop_paying(
    points: list[tuple[int, float]], level: int, reached: bool, lowest: bool
) -> None:
    found = knee(points)
    assert found is not None
    assert (found.level, found.reached, found.lowest) == (level, reached, lowest)


def test_levels_that_lie_close_together_tell_no_knee() -> None:
    """Twenty users that are always busy show what 17 to 20 bring, not where it began."""
    levels = [Level(n, n, time_us=10_000_000, answers=20 + n / 10) for n in (17, 18, 19, 20)]
    assert knee_of(levels, 40_000_000) is None
    few = [Level(8, 8, time_us=10_000_000, answers=9.0), *levels]
    assert knee_of(few, 50_000_000) is None
    found = knee_of([Level(8, 8, time_us=10_000_000, answers=12.0), *levels], 50_000_000)
    assert found is not None
    assert (found.level, found.reached) == (17, True)


def test_no_points_no_knee() -> None:
    assert knee([]) is None


def stage_csv(durations: dict[int, list[float]]) -> str:
    """Answers that begin one after another from each given second."""
    lines = [HEADER]
    for second, own in durations.items():
        for i, seconds in enumerate(own):
            stamp = f"2026-11-24T03:{second // 60:02d}:{second % 60:02d}.{i:03d}Z"
            lines.append(
                f"u{second}-{i},office,/office/Llama,,200,{seconds},True,,0,,{stamp},1,False,False,True,,"
            )
    return "\n".join(lines) + "\n"


def test_stages_are_cut_where_they_began() -> None:
    attempts = read_text(stage_csv({0: [1.0] * 6, 10: [2.0] * 12, 20: [1.5] * 6})).attempts
    begin = attempts[0].start_us
    records = [
        {"name": name, "level": level, "seconds": 10.0, "t": begin + second * 1_000_000}
        for name, level, second in (
            ("before", 6, 0),
            ("overload", 60, 10),
            ("recovery", 6, 20),
            ("end", 0, 30),
        )
    ]
    found = phases(records, attempts)
    assert [(phase.name, phase.attempts, phase.answers, phase.median) for phase in found] == [
        ("before", 6, 6, 1.0),
        ("overload", 12, 12, 2.0),
        ("recovery", 6, 6, 1.5),
    ]
    assert drift(found) == pytest.approx(50)
    assert drift(found[:2]) is None, "another load is another median"
    assert kept_under_overload(found) == pytest.approx(200)
    rising = phases([{**r, "level": 1 + i} for i, r in enumerate(records)], attempts)
    step = steps_knee(rising)
    assert step is not None
    assert (step.level, step.throughput) == (2, 1.2)


def test_two_runs_of_one_kind_do_not_differ_and_slower_ones_do() -> None:
    one = read_text(stage_csv({0: [1.0 + i / 100 for i in range(60)]})).attempts
    two = read_text(stage_csv({0: [1.01 + i / 100 for i in range(60)]})).attempts
    slow = read_text(stage_csv({0: [1.5 + i / 100 for i in range(60)]})).attempts
    success, refused, mean, middle, p95, throughput = compare_runs(one, two)
    assert success.change == refused.change == 0
    assert success.low is not None
    assert success.high is not None
    assert success.low < 0 < success.high
    assert mean.change == pytest.approx(0.01)
    assert mean.low is not None
    assert mean.high is not None
    assert mean.low < 0 < mean.high
    assert middle.change == pytest.approx(0.01)
    assert middle.low is not None
    assert middle.high is not None
    assert middle.low < 0 < middle.high
    assert p95.change == pytest.approx(0.01)
    assert p95.low is None, "60 values do not hold a p95 between ranks"
    assert throughput.change is not None
    assert throughput.change < 0
    assert throughput.low is None
    worse = compare_runs(one, slow)[2]
    assert worse.low is not None
    assert 0.4 < worse.low < 0.5
    assert compare_runs([], one)[1].earlier is None


@settings(max_examples=60, deadline=None)
@given(one=csv_texts(), two=csv_texts())
def test_every_difference_equals_the_plain_computation(one: str, two: str) -> None:
    told = {found.name: found for found in compare_runs(read_text(one).attempts, read_text(two).attempts)}
    plain = oracle.differences(oracle.load(one), oracle.load(two))
    for name in ("success", "refused", "p50", "p95"):
        found = told[name]
        if name not in plain:
            assert found.earlier is None
            continue
        earlier, later, low, high = plain[name]
        assert oracle.close(found.earlier, earlier)
        assert oracle.close(found.later, later)
        for edge, known in ((found.low, low), (found.high, high)):
            assert edge == (None if known is None else pytest.approx(known, abs=1e-6))


def test_a_percentile_lies_between_ranks() -> None:
    """Of 1,000 values from 1 to 1,000 us the median's interval is that of the binomial law: 469 to 531."""
    assert between_ranks(list(range(1, 1001)), 50) == (469 / 1e6, 531 / 1e6)
    assert between_ranks(list(range(72)), 95) is None
    assert between_ranks(list(range(90)), 95) is not None


def test_what_waits_behind_a_late_generator_counts() -> None:
    """A question that was sent two seconds late and answered in one took three."""
    attempt = read_text(stage_csv({0: [1.0]})).attempts[0]
    late = {"intended_us": attempt.start_us - 2_000_000}
    first = Ended("q-0", "q", attempt.start_us, replace(attempt, success=False, is_retry=True), late)
    second = Ended("q-1", "q", attempt.start_us + 500_000, attempt, {"first_token": 0.25})
    told = beside_rows([first, second])
    assert (told["lateness"].max, told["first_token"].max, told["intended"].max) == (2.0, 0.25, 3.5)
    assert beside_rows([first])["intended"].n == 0


def test_recovery_is_when_the_last_refusal_is_over() -> None:
    attempts = read_text(stage_csv({0: [1.0] * 6, 10: [2.0] * 12, 20: [1.5] * 6})).attempts
    begin = attempts[0].start_us
    records = [
        {"name": name, "level": 1, "seconds": 10.0, "t": begin + second * 1_000_000}
        for name, second in (("before", 0), ("overload", 10), ("recovery", 20), ("end", 30))
    ]
    bad = [replace(attempt, status_code=429, success=False) for attempt in attempts]
    assert recovery(phases(records, attempts), attempts) == 0.0
    assert recovery(phases(records, bad[:18]), [*bad[:18], *attempts[18:]]) == 0.0
    worse = [*attempts[:18], *bad[18:20], *attempts[20:]]
    assert recovery(phases(records, worse), worse) == pytest.approx(1.501)
    assert recovery(phases(records[:1], attempts), attempts) is None


def test_the_bootstrap_covers_what_it_should() -> None:
    low, high = bootstrap([10**6, 3 * 10**6] * 200, [2 * 10**6, 4 * 10**6] * 200)
    assert low is not None
    assert high is not None
    # The standard error of the difference is sqrt(1/400 + 1/400) = 0.0707 s.
    assert low == pytest.approx(1 - 1.96 * 0.0707, abs=0.02)
    assert high == pytest.approx(1 + 1.96 * 0.0707, abs=0.02)
    assert bootstrap([1] * 4, [1] * 100) == (None, None)
    assert LEAST_RESAMPLES * 25 // 1000 > 0
