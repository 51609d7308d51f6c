"""The door by itself: bounds, order, and that no request is lost or served twice."""

import statistics
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.domain.errors import Overloaded
from chatbot.scheduling.admission import Limits
from chatbot.scheduling.door import Door, StartDecision
from chatbot.scheduling.job import Capacity, Job
from chatbot.scheduling.rates import Speeds


@settings(deadline=None)
@given(
    queue=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 400)), max_size=20),
    more=st.integers(1, 400),
    place=st.integers(0, 20),
)
def test_one_more_caller_in_the_line_never_brings_a_newcomer_forward(
    queue: list[tuple[int, int]], more: int, place: int
) -> None:
    def predicted(asked: list[tuple[int, int]]) -> float:
        door = Door(Limits(256, 256), Capacity(2, 10_000), Speeds())
        for caller, prompt in asked:
            door.reserve(Job("office", f"u{caller}", 0, 3600, prompt, prompt, 200), 0.0)
        mine = Job("office", "newcomer", 0, 3600, 50, 50, 200)
        door.reserve(mine, 0.0)
        return mine.predicted_end

    place = min(place, len(queue))
    alike = [(caller, more) for caller, _ in queue]
    assert predicted([*alike[:place], (99, more), *alike[place:]]) >= predicted(alike) - 1e-9
    # Prompts are read one after another beside the batch, so unequal ones may fall in better: by one prompt.
    longest = max([more, *(prompt for _, prompt in queue)]) * Speeds().prefill.seconds
    assert predicted([*queue[:place], (99, more), *queue[place:]]) >= predicted(queue) - longest


EVENTS = st.lists(
    st.tuples(st.sampled_from(["reserve", "start", "finish", "requeue"]), st.integers(0, 5)), max_size=60
)


def reserved(door: Door, job: Job, now: float) -> bool:
    try:
        door.reserve(job, now)
    except Overloaded:
        return False
    return True


@settings(deadline=None)
@given(events=EVENTS)
def test_no_request_is_lost_or_served_twice(events: list[tuple[str, int]]) -> None:
    limits = Limits(waiting=8, per_caller=4)
    door = Door(limits, Capacity(3, 10_000), Speeds())
    waiting: list[Job] = []
    running: list[Job] = []
    for number, (verb, pick) in enumerate(events):
        now = number * 0.1
        if verb == "reserve":
            job = Job("office", f"u{pick}", now, now + 180, 50, 50, 20)
            own = sum(one.caller == job.caller for one in waiting + running)
            if reserved(door, job, now):
                door.prompt_known(job, 50, 50, 100)
                waiting.append(job)
                assert own < limits.per_caller
            else:
                assert own >= limits.per_caller or len(waiting) >= limits.waiting // 2
        elif verb == "start":
            started = door.next(now, lambda _job: StartDecision.START)
            # With three sequences, half of them rounded down is one: no caller runs twice.
            busy = {job.caller for job in running}
            eligible = [job for job in waiting if job.caller not in busy]
            assert (started is None) == (not eligible or len(running) >= 3)
            if started is not None:
                waiting.remove(started)
                running.append(started)
        elif running:
            job = running.pop(pick % len(running))
            if verb == "finish":
                job.produced = pick
                door.finished(job, now, complete=True)
                door.finished(job, now, complete=True)
            else:
                door.requeue(job)
                waiting.append(job)
        assert door.waiting() == len(waiting)
        assert door.places() == len(waiting) + len(running)
        assert [p for _, p, _ in door.prospects(now)] == list(range(1, len(waiting) + 1))


def test_a_request_blocked_by_size_is_overtaken_only_so_often() -> None:
    door = Door(Limits(64, 64), Capacity(64, 1000), Speeds())
    big = Job("office", "big", 0, 180, 900, 900, 50)
    small = [Job("office", f"s{n}", 0, 180, 10, 10, 50) for n in range(30)]
    for job in [big, *small]:
        door.reserve(job, 0.0)
        door.prompt_known(job, job.prompt, job.fresh, 100)
    passed = 0
    while door.next(1.0, lambda job: StartDecision.NO_ROOM if job is big else StartDecision.START):
        passed += 1
    assert 1 <= passed <= 8 + 30 - 8
    assert big.overtaken <= 8


def test_the_door_answers_a_full_queue_at_once() -> None:
    door = Door(Limits(256, 16), Capacity(24, 16384), Speeds())
    for number in range(256):
        job = Job("office", f"u{number}", 0, 1000, 100, 100, 100)
        door.reserve(job, 0.0)
        door.prompt_known(job, 100, 100, 100)
    times = []
    for number in range(200):
        begun = time.perf_counter()
        with pytest.raises(Overloaded):
            door.reserve(Job("office", f"x{number}", 0.1, 180, 100, 100, 100), 0.1)
        times.append(time.perf_counter() - begun)
    # The budget is a millisecond on an idle core; a busy test machine gets five.
    assert statistics.median(times) < 0.005
