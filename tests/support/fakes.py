"""Doubles of the domain ports for tests of the HTTP side: a scripted model, and a whole service over it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from tests.support.memory_history import MemoryHistory

from chatbot.adapters.persona_files import LLAMA_FILE, read_personas
from chatbot.api.app import create_app
from chatbot.api.state import ServiceState
from chatbot.core.chat import Chat
from chatbot.core.context import ContextBuilder
from chatbot.core.reply import Backend
from chatbot.core.statistics import Statistics
from chatbot.core.turns import TurnWriter
from chatbot.domain.access import Keys
from chatbot.domain.config import ANSWER_RESERVE
from chatbot.domain.messages import (
    Conversation,
    Finished,
    FinishReason,
    GenerationEvent,
    Sampling,
    Token,
    Usage,
)
from chatbot.domain.models import AdmissionRequest, ChatModel, ModelState, ModelStatus
from chatbot.domain.prompts import Personas
from chatbot.domain.search import SearchResult, WebSearch
from chatbot.domain.service_names import ServiceName
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
