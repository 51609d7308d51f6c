"""Processes that store turns until they are killed, and the one who kills them at random moments.

They are forked from a server that has imported everything, so that a round costs no start-up time. What was
acknowledged is appended to a file by one write, which a SIGKILL cannot take back.
"""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from uuid import UUID

from tests.history.makers import make_room, make_turn

from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.adapters.history.spool import Spool
from chatbot.adapters.history.sqlite import SqliteTurnStore
from chatbot.adapters.history.watch import RetryPace
from chatbot.domain.history import HistoryUnavailable, NewTurn, Turn

ROOM = make_room("alice", db_id=UUID(int=1))
LONG_TEXT = "질문 " * 200


class Unsteady(SqliteTurnStore):
    """A real database that refuses, or loses its answer, every now and then."""

    random = Random(3)

    async def insert(self, turn: NewTurn) -> Turn | None:
        if self.random.random() < 0.1:
            raise HistoryUnavailable("down")
        stored = await super().insert(turn)
        if self.random.random() < 0.1:
            raise HistoryUnavailable("lost")
        return stored


def keep_until_killed(folder: str, acknowledged: str) -> None:
    async def keep(spool: Spool, user: str, file: int) -> None:
        while True:
            turn = make_turn(make_room(user), LONG_TEXT)
            await spool.keep(turn)
            os.write(file, f"{turn.id}\n".encode())

    async def main() -> None:
        spool = Spool(Path(folder))
        spool.prepare()
        file = os.open(acknowledged, os.O_WRONLY | os.O_APPEND)
        await asyncio.gather(*(keep(spool, f"user{number}", file) for number in range(4)))

    asyncio.run(main())


def remember_until_killed(folder: str, acknowledged: str) -> None:
    async def main() -> None:
        spool = Spool(Path(folder) / "spool")
        spool.prepare()
        store = await Unsteady.open(Path(folder) / "history.sqlite3")
        Unsteady.random = Random(time.monotonic())
        history = ResilientHistory(store, spool, 0.5, RetryPace(0.01, 0.01, 0.01))
        history.start()
        file = os.open(acknowledged, os.O_WRONLY | os.O_APPEND)
        while True:
            turn = make_turn(ROOM, LONG_TEXT)
            await history.remember(turn)
            os.write(file, f"{turn.id}\n".encode())

    asyncio.run(main())


def kill_at_random(
    target: Callable[[str, str], None], folder: str, acknowledged: Path, *, rounds: int, seed: int
) -> list[UUID]:
    """Run the target and kill it, some times over; returns what it acknowledged, in order."""
    random = Random(seed)
    acknowledged.touch()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    for _ in range(rounds):
        size = acknowledged.stat().st_size
        process = context.Process(target=target, args=(folder, str(acknowledged)), daemon=True)
        process.start()
        deadline = time.monotonic() + 20
        while acknowledged.stat().st_size == size and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.15))
        process.kill()
        process.join()
        process.close()
    return [UUID(line) for line in acknowledged.read_text().split()]
