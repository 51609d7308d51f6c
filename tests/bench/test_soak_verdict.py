"""What the soak calls broken, by days made up."""

import random
from dataclasses import replace

import pytest
from bench.soak_verdict import LEAST_ANSWERS, LEAST_SAMPLES, Sample, broken

STEADY = Sample(0.0, memory_mib=300.0, files=60, threads=15, waiting=3.0, cells=16_000.0, host_cache_mib=50.0)
IDLE = replace(STEADY, waiting=0.0)
SAMPLES = 40


def day(**slopes: float) -> list[Sample]:
    """Samples that waver, and rise by so much over the second half."""
    source = random.Random(1)
    return [
        replace(
            STEADY,
            at=15.0 * number,
            memory_mib=STEADY.memory_mib + source.gauss(0, 3) + _risen(slopes, "memory_mib", number),
            host_cache_mib=STEADY.host_cache_mib + _risen(slopes, "host_cache_mib", number),
            files=round(STEADY.files + source.gauss(0, 4) + _risen(slopes, "files", number)),
            threads=round(STEADY.threads + _risen(slopes, "threads", number)),
            cells=STEADY.cells + source.gauss(0, 300) + _risen(slopes, "cells", number),
        )
        for number in range(SAMPLES)
    ]


def _risen(slopes: dict[str, float], figure: str, number: int) -> float:
    return slopes.get(figure, 0.0) * number / (SAMPLES / 2)


def answers(each: int, slower: float = 1.0) -> list[tuple[float, float]]:
    """So many whole answers in each quarter; those of the last take ``slower`` times as long."""
    source, quarter = random.Random(2), 15.0 * (SAMPLES - 1) / 4
    return [
        ((number + place / each) * quarter, source.uniform(1.0, 2.0) * (slower if number == 3 else 1.0))
        for number in range(4)
        for place in range(each)
    ]


def test_a_day_without_growth_breaks_nothing() -> None:
    assert broken(day(), answers(LEAST_ANSWERS), IDLE) == []


def test_a_cache_that_fills_is_no_growth() -> None:
    assert broken(day(memory_mib=100.0, host_cache_mib=100.0), answers(LEAST_ANSWERS), IDLE) == []


def test_one_thread_more_is_no_leak() -> None:
    samples = day()
    late = [replace(one, threads=16) for one in samples[30:]]
    assert broken([*samples[:30], *late], answers(LEAST_ANSWERS), IDLE) == []


@pytest.mark.parametrize(
    ("figure", "risen", "word"),
    [
        ("memory_mib", 20.0, "memory"),
        ("files", 12.0, "files"),
        ("threads", 4.0, "threads"),
        ("cells", 1500.0, "cells"),
    ],
)
def test_a_figure_that_grows_is_named(figure: str, risen: float, word: str) -> None:
    (sentence,) = broken(day(**{figure: risen}), answers(LEAST_ANSWERS), IDLE)
    assert word in sentence


def test_a_figure_that_falls_breaks_nothing() -> None:
    assert broken(day(memory_mib=-40.0, files=-20.0), answers(LEAST_ANSWERS), IDLE) == []


def test_answers_that_get_slower_are_told_where_there_are_enough() -> None:
    (sentence,) = broken(day(), answers(LEAST_ANSWERS, slower=1.1), IDLE)
    assert "p95" in sentence
    assert broken(day(), answers(LEAST_ANSWERS, slower=1.02), IDLE) == []
    assert broken(day(), answers(LEAST_ANSWERS // 2, slower=1.1), IDLE) == []


def test_questions_that_wait_when_nobody_asks_are_told() -> None:
    (sentence,) = broken(day(), answers(LEAST_ANSWERS), STEADY)
    assert "wait" in sentence


def test_too_few_samples_show_nothing_and_say_so() -> None:
    (sentence,) = broken(day()[:LEAST_SAMPLES], answers(LEAST_ANSWERS), IDLE)
    assert "samples" in sentence
