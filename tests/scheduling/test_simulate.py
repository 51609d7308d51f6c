"""The simulated engine steps as the real one does; small sums by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.scheduling.simulate import Arrival, Machine, SimulatedRequest, Simulator
from chatbot.scheduling.slices import prefill_rows, share_out
from chatbot.scheduling.tuning import LEAST_MARGIN

MACHINE = Machine(prefill=0.01, base=0.1, each=0.0)


def played(machine: Machine, *arrivals: Arrival) -> list[SimulatedRequest]:
    return sorted(Simulator(machine).run(arrivals), key=lambda outcome: outcome.arrival.at)


def test_the_call_that_ends_a_prompt_gives_the_first_token() -> None:
    (alone,) = played(MACHINE, Arrival(0.0, "one", prompt=30, cached=20, output=3))
    assert alone.first == pytest.approx(10 * 0.01)
    assert alone.end == pytest.approx(10 * 0.01 + 2 * 0.1)


def test_a_call_for_prompts_alone_has_a_price_of_its_own() -> None:
    machine = Machine(prefill=0.01, base=0.1, each=0.0, call=0.05)
    (alone,) = played(machine, Arrival(0.0, "one", prompt=10, output=1))
    assert alone.end == pytest.approx(0.05 + 10 * 0.01)


@pytest.mark.parametrize(("shared_rows", "extra"), [(11, 0.0), (10, 0.05)])
def test_few_rows_share_a_call_and_many_are_read_in_their_own(shared_rows: int, extra: float) -> None:
    machine = Machine(prefill=0.01, base=0.1, each=0.0, call=0.05, shared_rows=shared_rows)
    first, second = played(
        machine, Arrival(0.0, "one", prompt=1, output=10), Arrival(0.3, "two", prompt=10, output=1)
    )
    # The second comes within a step (0.06 and then 0.1 each), which ends at 0.36; it is read in the next.
    assert second.first == pytest.approx(0.36 - 0.3 + 0.1 + 10 * 0.01 + extra)
    assert first.end == pytest.approx(0.06 + 9 * 0.1 + 10 * 0.01 + extra)


def test_an_answer_that_alone_would_pass_its_deadline_is_clipped_to_what_fits() -> None:
    (alone,) = played(Machine(0.01, 0.5, 0.0), Arrival(0.0, "one", prompt=30, output=1000, limit=20.0))
    assert alone.end is not None
    assert alone.end <= 20.0
    assert alone.tokens == pytest.approx((20.0 / LEAST_MARGIN - 0.3) / 0.5, abs=1)


def test_a_client_that_leaves_frees_its_sequence() -> None:
    left, second = played(
        Machine(prefill=0.01, base=0.1, each=0.0, sequences=1),
        Arrival(0.0, "a", prompt=10, output=100, patience=1.0),
        Arrival(0.5, "b", prompt=10, output=2),
    )
    assert (left.end, left.expired) == (None, False)
    assert second.end == pytest.approx(0.5 + 10 * 0.01 + 0.1, abs=0.11)


def test_a_full_pool_preempts_who_started_last_and_loses_nobody() -> None:
    # Answers get longer than expected: the pool holds one of them whole, not both.
    simulator = Simulator(Machine(prefill=0.01, base=0.01, each=0.0, pool=450))
    outcomes = simulator.run(Arrival(0.0, caller, prompt=10, output=400) for caller in "ab")
    assert [outcome.tokens for outcome in outcomes] == [400, 400]
    assert simulator.preemptions > 0


@given(st.lists(st.integers(0, 500), max_size=24), st.integers(0, 1200))
def test_a_slice_is_given_out_whole_and_neither_the_first_nor_the_shortest_waits(
    wanted: list[int], budget: int
) -> None:
    shares = share_out(wanted, budget)
    assert sum(shares) == min(budget, sum(wanted))
    assert all(0 <= share <= count for share, count in zip(shares, wanted, strict=True))
    if wanted:
        assert shares[0] >= min(wanted[0], budget - budget // 2)
        shortest = wanted.index(min(wanted))
        assert shares[shortest] >= min(wanted[shortest], budget // 2)


def test_a_short_question_is_read_beside_a_long_prompt() -> None:
    assert share_out([3000, 20], 250) == [230, 20]
    assert share_out([300, 300, 300], 450) == [300, 150, 0]
    assert share_out([300, 200, 300], 300) == [150, 150, 0]


def test_a_slice_grows_with_those_who_wait_and_never_falls_below_the_least() -> None:
    slices = [prefill_rows(n, 4, slice_seconds=0.25, token_seconds=0.001) for n in (1, 4, 8, 16, 99)]
    assert slices == [250, 250, 500, 1000, 1000]
    assert prefill_rows(1, 24, slice_seconds=0.25, token_seconds=0.1) == 64
    assert prefill_rows(2, 0, slice_seconds=0.25, token_seconds=0.001) == 500
