"""What drafted rows are worth, and what they cost as the engine measures it."""

import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.scheduling.draft_rows import draft_rows
from chatbot.scheduling.row_times import RowTimes
from chatbot.scheduling.slices import UNTILED_ROWS


def chances(probability: float, length: int) -> list[float]:
    return [probability ** (at + 1) for at in range(length)]


def worth(drafts: list[list[float]], rows: tuple[int, ...], times: list[float]) -> float:
    """The logarithm of the product of all speeds, by that without drafts."""
    speeds = sum(math.log(1 + sum(chance[:count])) for chance, count in zip(drafts, rows, strict=True))
    return speeds - len(drafts) * math.log(times[len(drafts) + sum(rows)] / times[len(drafts)])


def test_rows_that_cost_nothing_are_all_used_and_dear_ones_are_not() -> None:
    assert draft_rows([chances(0.9, 20)], lambda _: 1.0, most=63, longest=1.0) == [20]
    assert draft_rows([chances(0.9, 20)], float, most=63, longest=100.0) == [0]
    assert draft_rows([[], chances(0.9, 3)], lambda rows: 1.0 + rows / 1000, most=2, longest=1.0) == [0, 2]


def test_a_full_batch_computes_no_drafts_where_one_stream_alone_does() -> None:
    times = RowTimes([(1, 0.026), (20, 0.145)])
    assert draft_rows([chances(0.9, 20)], times.seconds, most=62, longest=1.0)[0] > 5
    assert sum(draft_rows([chances(0.9, 20)] * 20, times.seconds, most=43, longest=1.0)) == 0


def test_drafts_lengthen_a_call_by_no_more_than_is_allowed() -> None:
    times = RowTimes([(1, 0.3), (2, 0.31)])
    rows = draft_rows([chances(0.99, 60)], times.seconds, most=60, longest=0.25)
    assert rows == [24]


@settings(max_examples=60)
@given(
    drafts=st.lists(
        st.lists(st.floats(0.05, 0.99), max_size=4).map(
            lambda odds: [math.prod(odds[: at + 1]) for at in range(len(odds))]
        ),
        min_size=1,
        max_size=3,
    ),
    steps=st.lists(st.floats(0.0, 0.5), min_size=16, max_size=16),
    most=st.integers(0, 12),
)
def test_no_other_rows_would_make_the_product_of_speeds_larger(
    drafts: list[list[float]], steps: list[float], most: int
) -> None:
    times = [1.0 + sum(steps[:rows]) for rows in range(16)]
    chosen = draft_rows(drafts, times.__getitem__, most=most, longest=100.0)
    assert sum(chosen) <= most
    every = product(*(range(len(chance) + 1) for chance in drafts))
    best = max(worth(drafts, rows, times) for rows in every if sum(rows) <= most)
    found = worth(drafts, tuple(chosen), times)
    assert found >= best - 0.02 * len(drafts) - 1e-9
    assert found >= 0


@pytest.mark.parametrize("slower", [1.0, 3.0])
def test_what_rows_cost_is_learned_whatever_the_machine_does_meanwhile(slower: float) -> None:
    times = RowTimes([(1, 0.02), (2, 0.03)])
    for call in range(2000):
        rows = (1, 4, 5, 8)[call % 4]
        # Four rows at once, as some kernels compute them.
        times.saw(rows, (0.02 + 0.01 * math.ceil(rows / 4)) * (slower if call > 1000 else 1.0))
    assert times.seconds(4) / times.seconds(1) == pytest.approx(1.0, abs=0.03)
    assert times.seconds(8) / times.seconds(4) == pytest.approx(4 / 3, abs=0.03)
    assert times.seconds(1) == pytest.approx(0.03 * slower, rel=0.05)


def test_a_neighbour_who_comes_and_goes_makes_no_size_look_dear() -> None:
    times = RowTimes([(1, 0.02), (8, 0.06)])
    for _ in range(200):
        times.saw(8, 0.18)
    for _ in range(50):
        times.saw(1, 0.02)
    assert times.seconds(8) / times.seconds(1) == pytest.approx(3.0, rel=0.1)


def test_one_stall_changes_little() -> None:
    times = RowTimes([(1, 0.02), (8, 0.06)])
    times.saw(1, 60.0)
    assert times.seconds(8) / times.seconds(1) == pytest.approx(3.0, rel=0.2)
    times.saw(UNTILED_ROWS + 1, 1.0)


def test_seconds_saved_are_those_of_the_calls_that_were_not_needed() -> None:
    times = RowTimes([(1, 0.02), (8, 0.06)])
    assert times.saved(1, accepted=3, seconds=0.03) == pytest.approx(4 * 0.02 - 0.03)
    assert times.saved(1, accepted=0, seconds=0.03) == pytest.approx(-0.01)
