"""A writer of summaries at work: rooms in memory and a model that is idle."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

from tests.support.memory_history import MemoryHistory

from chatbot.core.summaries import FilledRoom, SummaryWriter
from chatbot.domain.history import NewTurn, Room
from chatbot.domain.messages import (
    Conversation,
    Finished,
    FinishReason,
    GenerationEvent,
    Prompted,
    PromptPart,
    PromptReport,
    Sampling,
    Token,
    Usage,
)
from chatbot.domain.models import NextCut
from chatbot.domain.service_names import ServiceName

AROUND = Conversation(
    system=(PromptPart("rules", "R"),),
    question="last?",
    scene=(PromptPart("note", "n"),),
    facts=PromptPart("facts", "f"),
)
CUT = NextCut(begins=1, last=3, room=200)
Step = str | Exception | Callable[[], None]


class Idle:
    """Implements IdleModel: is always idle, foresees ``cut``, and writes a script for each errand."""

    def __init__(self, *scripts: list[Step], cut: NextCut | None) -> None:
        self.scripts = list(scripts)
        self.cut = cut
        self.foreseen: list[Conversation] = []
        self.errands: list[tuple[Conversation, Sampling]] = []
        self.busy = asyncio.Event()
        self.busy.set()
        self.waits = 0

    async def quiet(self, seconds: float) -> None:
        self.waits += 1
        await asyncio.sleep(0)
        await self.busy.wait()

    async def next_cut(self, conversation: Conversation) -> NextCut | None:
        self.foreseen.append(conversation)
        return self.cut

    async def errand(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[GenerationEvent, None]:
        self.errands.append((conversation, sampling))
        kept = tuple(exchange.index for exchange in conversation.exchanges)
        yield Prompted(PromptReport({}, kept))
        for step in self.scripts.pop(0):
            if isinstance(step, Exception):
                raise step
            if callable(step):
                step()
            else:
                yield Token(step)
        yield Finished(FinishReason.STOP, Usage(), 0.0, 0.0, 0.0)


async def room_of(history: MemoryHistory, turns: int) -> tuple[Room, list[UUID]]:
    room = Room(ServiceName("office"), "u", uuid4())
    ids = []
    for number in range(1, turns + 1):
        turn = NewTurn(uuid4(), room, f"q{number}", f"a{number}", "m", datetime.now(UTC))
        await history.remember(turn)
        ids.append(turn.id)
    return room, ids


def filled(room: Room, turn: UUID) -> FilledRoom:
    return FilledRoom(room, turn, AROUND, "en", korean_letters=True, prompt_tokens=1000)


@asynccontextmanager
async def working(history: MemoryHistory, model: Idle) -> AsyncIterator[SummaryWriter]:
    writer = SummaryWriter(history, model, 0.0)
    task = asyncio.create_task(writer.work())
    yield writer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def done(history: MemoryHistory, *filled_rooms: FilledRoom, model: Idle) -> None:
    """Note the rooms and wait until all that is to be done for them is done."""
    async with working(history, model) as writer:
        for one in filled_rooms:
            writer.note(one)
        async with asyncio.timeout(5):
            # Asleep again: nothing is noted, and it waits to be woken.
            while writer._noted or writer._woken.is_set():
                await asyncio.sleep(0)
