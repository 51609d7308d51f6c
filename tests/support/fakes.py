"""Doubles of the domain ports for tests of the HTTP side: a scripted model, a history in memory."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from tests.support.memory_store import MemoryStore
from tests.support.memory_summaries import MemorySummaries

from chatbot.adapters.history.branching import bury_turn, change_state, read_path, read_tree
from chatbot.adapters.history.exporting import turns_of_user
from chatbot.adapters.history.importing import import_room
from chatbot.adapters.history.searching import search_rooms
from chatbot.adapters.persona_files import LLAMA_FILE, read_personas
from chatbot.api.app import create_app
from chatbot.api.state import ServiceState
from chatbot.core.chat import Chat
from chatbot.core.context import ContextBuilder
from chatbot.core.reply import Backend
from chatbot.core.statistics import Statistics
from chatbot.core.turns import TurnWriter
from chatbot.domain.access import Keys
from chatbot.domain.branches import Tree
from chatbot.domain.config import ANSWER_RESERVE
from chatbot.domain.history import (
    AT_END,
    After,
    Imported,
    ListedRoom,
    NewTurn,
    PathSummary,
    Recollection,
    Room,
    RoomChange,
    RoomState,
    SearchOfRooms,
    Stored,
    Turn,
)
from chatbot.domain.history_ports import MOST_CHARS
from chatbot.domain.messages import (
    Conversation,
    Finished,
    FinishReason,
    GenerationEvent,
    Sampling,
    ServiceName,
    Token,
    Usage,
)
from chatbot.domain.models import AdmissionRequest, ChatModel, ModelState, ModelStatus
from chatbot.domain.prompts import Personas
from chatbot.domain.search import SearchResult, WebSearch
from chatbot.domain.telemetry import Outcome
from chatbot.services.registry import PERSONA_TEXTS, SERVICES

PROMPT_TOKENS = 4096 - ANSWER_RESERVE


class SilentMeter:
    """A meter that keeps outcomes and forgets the rest."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.left_to_others = 0

    def finished(self, outcome: Outcome, seconds: float) -> None:
        self.outcomes.append(outcome)

    def passed_on(self) -> None:
        self.left_to_others += 1

    def first_token(self, seconds: float) -> None: ...

    def inter_token(self, seconds: float) -> None: ...

    def queued(self, seconds: float) -> None: ...

    def tokens(self, generated: int, computed: int, cached: int) -> None: ...


class FakePlace:
    """A place at the fake model; remembers whether it was given up and how its generation ended."""

    def __init__(self, model: "FakeModel", answers: int) -> None:
        self._model = model
        self._answers = answers
        self.released = False

    async def generate(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[GenerationEvent, None]:
        model = self._model
        model.conversations.append(conversation)
        model.samplings.append(sampling)
        try:
            for event in model.script:
                if isinstance(event, Exception):
                    raise event
                if isinstance(event, float):
                    await asyncio.sleep(event)
                elif callable(event):
                    await event()
                else:
                    yield event
                    if isinstance(event, Finished):
                        return
            for answer in range(self._answers):
                usage = Usage(10, 4, len(model.script))
                yield Finished(FinishReason.STOP, usage, 0.01, 0.02, 0.03, answer)
        except (asyncio.CancelledError, GeneratorExit):
            model.stopped.set()
            raise

    def release(self) -> None:
        self.released = True


Scripted = GenerationEvent | float | Exception | Callable[[], Awaitable[None]]
"""What a fake model plays: an event to yield, seconds to wait, an exception to raise, something to await."""


class FakeModel:
    """Plays ``script``."""

    name = "fake-model"
    lacks: frozenset[str] = frozenset()
    continues = True

    def __init__(self, *script: Scripted) -> None:
        self.script: tuple[Scripted, ...] = script or (
            Token("안녕"),
            Token("하세요"),
        )
        self.refusal: Exception | None = None
        self.waiting = 0
        self.state = ModelState.READY
        self.requests: list[AdmissionRequest] = []
        self.places: list[FakePlace] = []
        self.conversations: list[Conversation] = []
        self.samplings: list[Sampling] = []
        self.stopped = asyncio.Event()

    def reserve(self, request: AdmissionRequest) -> FakePlace:
        self.requests.append(request)
        if self.refusal is not None:
            raise self.refusal
        self.places.append(FakePlace(self, request.answers))
        return self.places[-1]

    def queue_size(self, service: ServiceName) -> int:
        return self.waiting

    def status(self) -> ModelStatus:
        return ModelStatus(self.state, kv_used=5, kv_total=100)


class MemoryHistory:
    """A ChatHistory over a store in memory."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.characters = self.store.characters
        self.writable = True

    @property
    def summaries(self) -> MemorySummaries:
        return self.store.summaries

    @property
    def turns(self) -> list[Turn]:
        """All turns, in the order of storing."""
        return list(self.store.stored.values())

    async def recall(
        self, room: Room, limit: int, after: After = AT_END, chars: int = MOST_CHARS
    ) -> Recollection:
        end = self.store.end_of(room) if after is AT_END else after
        turns = await read_path(self.store, room, limit, end, chars)
        path = {turn.id for turn in turns}
        told = [one for one in await self.summaries.of_room(room) if one.turn in path]
        return Recollection(turns, summaries=tuple(told))

    async def facts(self, room: Room) -> Sequence[str]:
        return (await self.store.state(room)).facts

    async def turn(self, room: Room, id_: UUID) -> Turn | None:
        return next(iter(await self.store.read(room, [id_])), None)

    async def tree(self, room: Room) -> Tree:
        return await read_tree(self.store, room)

    async def read(self, room: Room, ids: Collection[UUID]) -> Sequence[Turn]:
        return await self.store.read(room, ids)

    async def state(self, room: Room) -> RoomState:
        return await self.store.state(room)

    async def change(self, room: Room, change: RoomChange) -> RoomState | None:
        return await change_state(self.store, room, change)

    async def delete_turn(self, room: Room, id_: UUID) -> int:
        return len(await bury_turn(self.store, room, id_))

    async def search(self, service: ServiceName, user_id: str, query: str) -> SearchOfRooms:
        return await search_rooms(self.store, service, user_id, query)

    def can_store(self) -> bool:
        return self.writable

    async def remember(self, turn: NewTurn) -> Stored:
        return Stored.DATABASE if self.store.put(turn) else Stored.DELETED

    async def import_turns(
        self,
        room: Room,
        turns: Sequence[NewTurn],
        state: RoomState | None = None,
        summaries: Sequence[PathSummary] = (),
    ) -> Imported | None:
        return await import_room(room, turns, self.store, state, summaries)

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        return await self.store.page(room, after, limit)

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        return await self.store.rooms(service, user_id)

    async def export(self, service: ServiceName, user_id: str) -> AsyncIterator[Turn]:
        async for turn in turns_of_user(self.store, service, user_id):
            yield turn

    async def delete_room(self, room: Room) -> int:
        return await self.store.delete_room(room)

    async def delete_user(self, service: ServiceName, user_id: str) -> int:
        return await self.store.delete_user(service, user_id)

    async def prune(self, older_than: datetime) -> int:
        return await self.store.prune(older_than)

    def pending(self) -> int:
        return 0

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


class FixedSearch:
    """A WebSearch that always finds the same."""

    def __init__(self, result: SearchResult) -> None:
        self.result = result
        self.queries: list[str] = []

    async def search(self, query: str, language: str, budget: float) -> SearchResult:
        self.queries.append(query)
        return self.result

    async def close(self) -> None: ...


def packaged_personas() -> Mapping[str, Personas]:
    """The persona texts that ship with the suite, by service."""
    return read_personas(LLAMA_FILE, None, PERSONA_TEXTS)


def service_state(
    name: ServiceName = ServiceName("office"),
    model: ChatModel | None = None,
    *,
    history: MemoryHistory | None = None,
    search: WebSearch | None = None,
    keys: Keys | None = None,
    foreign: Mapping[str, ChatModel] | None = None,
    meter: SilentMeter | None = None,
    sampling: Sampling | None = None,
) -> ServiceState:
    """A whole service over fakes, or over a real model."""
    model = model or FakeModel()
    personas = packaged_personas()[name]
    models: dict[str, ChatModel] = {"Llama": model, **(foreign or {})}
    history = history or MemoryHistory()

    chat = Chat(
        SERVICES[name],
        {
            alias: Backend(each, personas, sampling or Sampling(), PROMPT_TOKENS)
            for alias, each in models.items()
        },
        ContextBuilder(history, search, 5.0),
        TurnWriter(history),
        Statistics(meter or SilentMeter()),
        180,
    )
    return ServiceState(chat, model, history, keys, lambda: b"")


@asynccontextmanager
async def client_of(state: ServiceState, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client that speaks to the service's application in this process."""
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://suite", **options) as client:
        yield client
