"""Scheduler and admission by themselves: bounds, order, and that no request is lost or served twice."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.domain.errors import Overloaded, TooManyAnswers
from chatbot.scheduling import forecast
from chatbot.scheduling.admission import AdmissionController, Limits
from chatbot.scheduling.capacity import Capacity
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.replay import Load, PredictedStart, replay
from chatbot.scheduling.scheduler import Scheduler, StartDecision
from chatbot.scheduling.ticket import Progress, Ticket
from chatbot.scheduling.tuning import MOST_OVERTAKES, NEWCOMERS_SHARE


class Machine:
    """A scheduler with its admission."""

    def __init__(self, limits: Limits, capacity: Capacity) -> None:
        self.scheduler = Scheduler(capacity, Speeds())
        self.admission = AdmissionController(limits, self.scheduler)


def ticket(caller: str, deadline: float, prompt: int = 50, max_tokens: int = 200) -> Ticket:
    return Ticket("office", caller, deadline, Progress(prompt, prompt, max_tokens))


@settings(deadline=None)
@given(
    queue=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 400)), max_size=20),
    more=st.integers(1, 400),
    place=st.integers(0, 20),
)
def test_one_more_caller_in_the_queue_never_brings_a_newcomer_forward(
    queue: list[tuple[int, int]], more: int, place: int
) -> None:
    def predicted(asked: list[tuple[int, int]]) -> float:
        admission = Machine(Limits(256, 256), Capacity(2, 10_000)).admission
        for caller, prompt in asked:
            admission.reserve(ticket(f"u{caller}", 3600, prompt), 0.0)
        return admission.reserve(ticket("newcomer", 3600), 0.0).end

    place = min(place, len(queue))
    alike = [(caller, more) for caller, _ in queue]
    assert predicted([*alike[:place], (99, more), *alike[place:]]) >= predicted(alike) - 1e-9
    # Prompts are read one after another beside the batch, so unequal ones may fall in better: by one prompt.
    longest = max([more, *(prompt for _, prompt in queue)]) * Speeds().prefill.seconds
    assert predicted([*queue[:place], (99, more), *queue[place:]]) >= predicted(queue) - longest


@given(before=st.integers(0, 6), wanted=st.integers(1, 5), sequences=st.integers(1, 4))
def test_answers_to_one_question_get_all_places_or_none(before: int, wanted: int, sequences: int) -> None:
    limits = Limits(waiting=4, per_caller=4)
    machine = Machine(limits, Capacity(sequences, 10_000))
    for number in range(before):
        reserved(machine.admission, ticket(f"u{number}", 3600), 0.0)
    places, waiting = machine.scheduler.places(), machine.scheduler.waiting()
    *others, last = [ticket("kim", 3600) for _ in range(wanted)]
    if wanted > limits.per_caller:
        with pytest.raises(TooManyAnswers):
            machine.admission.reserve(last, 1.0, others)
        return
    if reserved(machine.admission, last, 1.0, others):
        assert machine.scheduler.places() == places + wanted
        assert not reserved(machine.admission, ticket("kim", 3600), 1.0, [ticket("kim", 3600)] * (4 - wanted))
    else:
        assert (machine.scheduler.places(), machine.scheduler.waiting()) == (places, waiting)
        assert waiting + wanted > limits.waiting * NEWCOMERS_SHARE, "the queue had no room for all of them"


EVENTS = st.lists(
    st.tuples(st.sampled_from(["reserve", "start", "finish", "requeue"]), st.integers(0, 5)), max_size=60
)


def reserved(admission: AdmissionController, one: Ticket, now: float, others: Sequence[Ticket] = ()) -> bool:
    try:
        admission.reserve(one, now, others)
    except Overloaded:
        return False
    return True


@settings(deadline=None)
@given(events=EVENTS)
def test_no_request_is_lost_or_served_twice(events: list[tuple[str, int]]) -> None:
    limits = Limits(waiting=8, per_caller=4)
    machine = Machine(limits, Capacity(3, 10_000))
    scheduler = machine.scheduler
    waiting: list[Ticket] = []
    running: list[Ticket] = []
    for number, (verb, pick) in enumerate(events):
        now = number * 0.1
        if verb == "reserve":
            one = ticket(f"u{pick}", now + 180, max_tokens=20)
            own = sum(other.caller == one.caller for other in waiting + running)
            if reserved(machine.admission, one, now):
                scheduler.prompt_known(one, 50, 50, 100)
                waiting.append(one)
                assert own < limits.per_caller
            else:
                assert own >= limits.per_caller or len(waiting) >= limits.waiting // 2
        elif verb == "start":
            started = scheduler.next(lambda _: StartDecision.START)
            # With three sequences, a third of them is one: no caller runs twice.
            busy = {one.caller for one in running}
            eligible = [one for one in waiting if one.caller not in busy]
            assert (started is None) == (not eligible or len(running) >= 3)
            if started is not None:
                waiting.remove(started)
                running.append(started)
        elif running:
            one = running.pop(pick % len(running))
            if verb == "finish":
                one.progress.produced = pick
                scheduler.finished(one, now, complete=True)
                scheduler.finished(one, now, complete=True)
            else:
                scheduler.requeue(one)
                waiting.append(one)
        assert scheduler.waiting() == len(waiting)
        assert scheduler.places() == len(waiting) + len(running)
        assert [p for _, p, _ in scheduler.queue_positions(now)] == list(range(1, len(waiting) + 1))


def test_a_request_blocked_by_size_is_overtaken_only_so_often() -> None:
    machine = Machine(Limits(64, 64), Capacity(64, 1000))
    big = ticket("big", 180, prompt=900, max_tokens=50)
    small = [ticket(f"s{n}", 180, prompt=10, max_tokens=50) for n in range(30)]
    for one in [big, *small]:
        machine.admission.reserve(one, 0.0)
        machine.scheduler.prompt_known(one, one.progress.prompt, one.progress.fresh, 100)
    passed = 0
    while machine.scheduler.next(lambda one: StartDecision.NO_ROOM if one is big else StartDecision.START):
        passed += 1
    assert passed == MOST_OVERTAKES


def test_refusals_at_a_full_queue_replay_the_schedule_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal must cost next to nothing: it comes most often when there is least time."""
    replays = list[int]()

    def counted(running: Sequence[Load], waiting: Sequence[Load], *rest: Any) -> list[PredictedStart]:
        replays.append(len(waiting))
        return replay(running, waiting, *rest)

    monkeypatch.setattr(forecast, "replay", counted)
    machine = Machine(Limits(256, 16), Capacity(24, 16384))
    for number in range(256):
        one = ticket(f"u{number}", 1000, prompt=100)
        machine.admission.reserve(one, 0.0)
        machine.scheduler.prompt_known(one, 100, 100, 100)
    replays.clear()
    for number in range(200):
        with pytest.raises(Overloaded):
            machine.admission.reserve(ticket(f"x{number}", 180), 0.1)
    assert replays == [257]
