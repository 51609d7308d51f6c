"""Random lives of a history: whatever the database does, every acknowledged turn is read once, in order.

Time is virtual and fsync does nothing here (the kill tests have the disk), so that many lives fit.
"""

import asyncio
import os
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch
from uuid import UUID

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.history.flaky import FlakyStore, Mode
from tests.history.makers import make_room, make_turn
from tests.history.virtual import ThreadlessSpool, VirtualLoop

from chatbot.adapters.history.mongo import OPERATION_SECONDS
from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.domain.history import HistoryUnavailable, Recalled

ROOMS = [make_room("alice"), make_room("alice"), make_room("bob")]
rooms = st.sampled_from(range(len(ROOMS)))


class HistoryLife(RuleBasedStateMachine):
    """The model is the list of turns that were acknowledged and not deleted since."""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner(loop_factory=VirtualLoop)
        self.folder = TemporaryDirectory()
        self.fast_disk = patch.object(os, "fsync")
        self.fast_disk.start()
        self.store = FlakyStore()
        self.expected: list[list[UUID]] = [[] for _ in ROOMS]
        self.number = 0
        self.open()

    @rule(seed=st.integers(0, 2**32), slowest=st.sampled_from([0.0, 0.3, 0.7]))
    def slow_down(self, seed: int, slowest: float) -> None:
        """Answers take their time, some longer than the budget, so that everything overlaps everything."""
        random = Random(seed)
        self.store.latency = lambda: random.uniform(0, slowest)

    def open(self) -> None:
        async def opened() -> ResilientHistory:
            spool = ThreadlessSpool(Path(self.folder.name) / "spool")
            spool.prepare()
            history = ResilientHistory(self.store, spool, timeout_seconds=0.5)
            history.start()
            return history

        self.history = self.run(opened())

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    @rule(room=rooms)
    def remember(self, room: int) -> None:
        self.number += 1
        turn = make_turn(ROOMS[room], f"q{self.number}")
        self.run(self.history.remember(turn))
        self.expected[room].append(turn.id)

    @rule(chosen=st.lists(rooms, min_size=2, max_size=5))
    def remember_at_once(self, chosen: list[int]) -> None:
        turns = [make_turn(ROOMS[room], "at once") for room in chosen]

        async def all_at_once() -> None:
            await asyncio.gather(*(self.history.remember(turn) for turn in turns))

        self.run(all_at_once())
        # Among themselves they may take any order, once; everything before them stays before them.
        self.bring_back()
        for room in set(chosen):
            before = self.expected[room]
            now = [turn.id for turn in self.store.in_room(ROOMS[room])]
            new = {turn.id for turn in turns if turn.room == ROOMS[room]}
            assert now[: len(before)] == before
            assert len(now) == len(before) + len(new)
            assert set(now[len(before) :]) == new
            self.expected[room] = now

    @rule(mode=st.sampled_from(["up", "down", "lost", "hang", "reads_down"]))
    def change(self, mode: Mode) -> None:
        self.store.mode = mode

    @rule()
    def late_inserts_land(self) -> None:
        self.run(self.store.release())

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.5, 4.0, 20.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    @rule(room=rooms)
    def recall(self, room: int) -> None:
        recollection = self.run(self.history.recall(ROOMS[room], 1000))
        ids = [turn.id for turn in recollection.turns]
        if recollection.state is Recalled.WHOLE:
            assert ids == self.expected[room]
        else:
            assert ids == [id_ for id_ in self.expected[room] if id_ in ids]

    @rule(room=rooms, user=st.booleans())
    def delete(self, room: int, user: bool) -> None:
        owner = ROOMS[room].user_id
        gone = [number for number, other in enumerate(ROOMS) if other.user_id == owner] if user else [room]
        try:
            if user:
                count = self.run(self.history.delete_user(ROOMS[room].service, owner))
            else:
                count = self.run(self.history.delete_room(ROOMS[room]))
        except HistoryUnavailable:
            # It may have happened or not: ask the database once it is back, and hold it to that.
            self.bring_back()
            for number in gone:
                now = [turn.id for turn in self.store.in_room(ROOMS[number])]
                assert now == [id_ for id_ in self.expected[number] if id_ in now]
                self.expected[number] = now
        else:
            assert count == sum(len(self.expected[number]) for number in gone)
            for number in gone:
                self.expected[number] = []

    @rule(kill=st.booleans())
    def restart(self, kill: bool) -> None:
        if kill:
            for task in self.history._tasks:
                task.cancel()
        else:
            self.run(self.history.close())
        self.open()

    def bring_back(self) -> None:
        self.store.mode = "up"
        self.store.latency = lambda: 0.0

        async def written() -> None:
            # A call that began while the database hung still holds the folder.
            await asyncio.sleep(OPERATION_SECONDS)
            async with asyncio.timeout(60):
                while self.history.watch.away or self.history.pending():
                    await asyncio.sleep(0.1)

        self.run(written())

    @precondition(lambda self: self.store.mode == "up")
    @rule()
    def everything_is_there(self) -> None:
        self.bring_back()
        for room, expected in zip(ROOMS, self.expected, strict=True):
            turns = self.run(self.history.page(room, 0, 1000))
            assert [turn.id for turn in turns] == expected
            assert len({turn.index for turn in turns}) == len(turns)

    @invariant()
    def nothing_is_half_written(self) -> None:
        if hasattr(self, "history"):
            assert not list(self.history.spool.folder.glob("*.tmp"))

    def teardown(self) -> None:
        if not hasattr(self, "history"):
            return
        try:
            self.run(self.store.release())
            self.everything_is_there_at_the_end()
            self.run(self.history.close())
        finally:
            self.runner.close()
            self.fast_disk.stop()
            self.folder.cleanup()

    def everything_is_there_at_the_end(self) -> None:
        self.bring_back()
        for room, expected in zip(ROOMS, self.expected, strict=True):
            turns = self.run(self.history.page(room, 0, 1000))
            assert [turn.id for turn in turns] == expected


TestHistoryLife = HistoryLife.TestCase
TestHistoryLife.settings = settings(
    max_examples=80,
    stateful_step_count=30,
    deadline=None,
    # A life is short enough to read as it is; making it shorter takes minutes.
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
