"""Which hard promises a run at ten times the load breaks, by figures made up."""

from dataclasses import replace

import pytest
from bench.overload import MOST_RISEN_MIB, Hard

KEPT = Hard(failed=0, newcomer=200, before=700.0, after=700.0 + MOST_RISEN_MIB)


def test_a_run_that_keeps_them_breaks_nothing() -> None:
    assert KEPT.broken() == []
    assert replace(KEPT, after=600.0).broken() == []


@pytest.mark.parametrize(
    ("run", "word"),
    [
        (replace(KEPT, failed=1), "1 questions ended with a 5xx"),
        (replace(KEPT, newcomer=429), "the first newcomer got 429"),
        (replace(KEPT, newcomer=0), "the first newcomer got 0"),
        (replace(KEPT, after=KEPT.after + 1), "memory rose by 65 MiB"),
    ],
)
def test_each_that_is_broken_is_said(run: Hard, word: str) -> None:
    (sentence,) = run.broken()
    assert word in sentence
