"""An engine with a free sequence refuses nobody, whatever was promised before."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.domain.errors import LONGEST_RETRY
from chatbot.scheduling.admission import Limits
from chatbot.scheduling.simulate import Arrival, Machine, SimulatedRequest, Simulator
from chatbot.scheduling.ticket import Progress, Ticket

Refused = Callable[[Arrival, int], Arrival | None]


def may_not_be_refused(simulator: Simulator, arrival: Arrival) -> bool:
    """Whether a sequence is free for each answer that nobody here waits for, with cells in plenty, or nobody
    is here at all."""
    tickets = [*simulator.waiting, *(one.ticket for one in simulator.running)]
    places = Counter(ticket.caller for ticket in tickets)
    if places[arrival.caller] + arrival.answers > simulator.limits.per_caller:
        return False
    if not tickets:
        return True
    share = max(1, simulator.machine.sequences // 3)
    progress = Progress(arrival.prompt, arrival.prompt - arrival.cached, arrival.max_tokens)
    tickets += [Ticket(arrival.service, arrival.caller, 0.0, progress)] * arrival.answers
    cells = sum(
        one.progress.prompt + one.progress.produced + simulator.scheduler.expected(one) for one in tickets
    )
    wanted = sum(min(count, share) for count in places.values())
    # The forecast may be half a second old, and what an answer will hold changes with each token.
    return wanted + arrival.answers <= simulator.machine.sequences and 2 * cells <= simulator.machine.pool


@pytest.mark.parametrize("mean", [20, 100])
@pytest.mark.parametrize("crowd", [200, 400])
def test_after_a_crowd_that_stays_away_newcomers_are_let_in(crowd: int, mean: int) -> None:
    """The found fault: so many at once on a slow machine, then nobody, and a step that is twice as slow."""
    source, pace, refused = random.Random(crowd), [1.0], list[str]()
    machine = Machine(prefill=0.005, base=0.06, each=0.02)
    simulator = Simulator(machine, Limits(256, 32), slowdown=lambda: pace[0])
    coming = [
        Arrival(source.random(), f"c{n}", 150, max(1, int(source.gammavariate(2, mean / 2))), 100)
        for n in range(crowd)
    ]
    # One after another, when all of the crowd have ended, while promises to the others are open.
    coming += [Arrival(190.0 + 15 * n, f"n{n}", 150, 60, 100) for n in range(60)]

    def note(arrival: Arrival, _seconds: int) -> None:
        pace[0] = 2.0
        if arrival.at >= 190.0:
            assert not simulator.running
            refused.append(arrival.caller)

    outcomes = simulator.run(coming, note)
    assert sum(one.retry_after is not None for one in outcomes) > 20, "the crowd was too large"
    assert refused == []


def test_whoever_has_a_better_place_than_one_held_up_by_his_own_share_does_not_wait_for_him() -> None:
    # One sequence is for one caller, so the second of "a" waits for the first while the other is free.
    simulator = Simulator(Machine(0.001, 0.05, 0.0, sequences=2), Limits(waiting=2, per_caller=2))
    outcomes = simulator.run(Arrival(0.0, caller, prompt=10, output=3) for caller in "aab")
    last = outcomes[-1]
    assert last.retry_after is None
    assert last.predicted_first == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("answers", [1, 2, 4, 8])
@pytest.mark.parametrize("sequences", [1, 2, 3, 5, 8, 11, 24])
def test_an_empty_engine_takes_as_many_answers_as_are_asked_for(sequences: int, answers: int) -> None:
    source, told = random.Random(1), list[int]()
    machine = Machine(prefill=0.005, base=0.06, each=0.02, sequences=sequences)
    simulator = Simulator(machine, Limits(256, 32))
    crowd = [Arrival(source.random(), f"c{n}", 150, 100, 100) for n in range(400)]
    simulator.run(crowd)
    # Whoever was refused is still expected.
    coming = Arrival(190.0, "newcomer", 150, 60, 100, answers=answers)
    simulator.run([coming], lambda _, seconds: told.append(seconds))
    assert told == []


@dataclass
class Scene:
    """A machine, those who come, and what refused clients do."""

    seed: int
    sequences: int
    pool: int
    step: float
    prefill: float
    limits: Limits
    callers: int
    requests: int
    window: float
    output: int
    answers: list[int]
    limit: float
    slower: float
    slow_at: float
    simulator: Simulator = field(init=False)
    told: list[int] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.source = random.Random(self.seed)
        self.pace = 1.0
        machine = Machine(self.prefill, self.step, self.step / 10, self.sequences, self.pool)
        self.simulator = Simulator(machine, self.limits, slowdown=lambda: self.pace)

    def arrivals(self) -> list[Arrival]:
        source = self.source
        return [
            Arrival(
                at=source.uniform(0, self.window),
                caller=f"u{source.randrange(self.callers)}",
                prompt=source.randint(1, 200),
                output=max(1, int(source.expovariate(1 / self.output))),
                max_tokens=source.choice([8, 64, 2048]),
                answers=min(source.choice(self.answers), self.limits.per_caller),
                limit=self.limit,
                service=source.choice(["office", "character"]),
                patience=source.choice([5.0, 30.0, 1000.0]),
            )
            for _ in range(self.requests)
        ]

    def refused(self, arrival: Arrival, seconds: int) -> Arrival | None:
        assert not may_not_be_refused(self.simulator, arrival)
        self.told.append(seconds)
        if arrival.at >= self.slow_at:
            self.pace = self.slower
        waited = self.source.choice([0.0, 0.4, 1.0, 1.0, 1.5]) * seconds
        return replace(arrival, at=arrival.at + waited, attempt=arrival.attempt + 1) if waited else None

    def played(self) -> list[SimulatedRequest]:
        return self.simulator.run(
            self.arrivals(), lambda one, told: self.refused(one, told) if one.attempt < 4 else None
        )


scenes = st.builds(
    Scene,
    seed=st.integers(0, 1 << 32),
    sequences=st.integers(1, 8) | st.integers(1, 24),
    pool=st.sampled_from([600, 2_000, 20_000]),
    step=st.floats(0.005, 1.0),
    prefill=st.floats(0.0001, 0.05),
    limits=st.builds(Limits, waiting=st.integers(1, 64), per_caller=st.integers(1, 16)),
    callers=st.integers(1, 60),
    requests=st.integers(1, 60),
    window=st.floats(0.0, 600.0),
    output=st.integers(1, 60),
    answers=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    limit=st.floats(2.0, 180.0),
    slower=st.sampled_from([0.5, 1.0, 2.0]),
    slow_at=st.floats(0.0, 60.0),
)


@settings(deadline=None)
@given(scene=scenes)
def test_while_a_sequence_is_free_that_nobody_waits_for_nobody_is_refused(scene: Scene) -> None:
    scene.played()
    assert all(1 <= seconds <= LONGEST_RETRY for seconds in scene.told)
