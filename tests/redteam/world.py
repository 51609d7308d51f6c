"""A service that strangers write to, and a scene of it: requests that are harmless in all fields but one."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import httpx
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.adapters.search.chain import Chain
from chatbot.adapters.search.provider import RawHit
from chatbot.domain.language import Language
from chatbot.domain.messages import Conversation, Sampling
from chatbot.domain.models import ChatModel
from chatbot.domain.search import SearchResult
from chatbot.domain.service_names import ServiceName

HARMLESS = "오늘 회의는 오후 세 시에 시작하고, 자료는 어제 보낸 것을 그대로 쓰면 됩니다."
NAMES = {"character_name": "미나", "user_name": "지훈", "name": "미나", "nickname": "나나"}
NAME_CHARS = 50

LABELS = ("사용자", "비서")
"""The speakers that the injections name; each scene puts its own in."""

ROOM = "123e4567-e89b-12d3-a456-426614174000"

Values = Mapping[str, str]


class AtNoon(Chain):
    """The real search, whose results were found at one moment: a prompt names the minute."""

    async def search(self, query: str, language: str, budget: float) -> SearchResult:
        found = await super().search(query, language, budget)
        return replace(found, retrieved_at=datetime(2026, 11, 1, 12, tzinfo=UTC))


@dataclass
class World:
    """A service over a recording model, an empty history, and a search that finds two pages.

    ``foreign`` are further models by alias; ``llama`` stands in the recording model's place if it is given.
    """

    service: ServiceName
    foreign: Mapping[str, ChatModel] = field(default_factory=dict)
    llama: ChatModel | None = None
    model: FakeModel = field(default_factory=FakeModel)
    history: MemoryHistory = field(default_factory=MemoryHistory)
    hits: list[RawHit] = field(default_factory=list)
    name: str = "pages"

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:
        """As a provider of the real search, raw as providers are."""
        return self.hits

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        async def release() -> None: ...

        search = AtNoon({"ko": [self], "en": [self]}, lambda *_: None, release, budget=5, cache_seconds=0)
        state = service_state(
            self.service,
            self.llama or self.model,
            history=self.history,
            search=search,
            foreign=self.foreign,
            sampling=Sampling(temperature=0, max_tokens=8),
        )
        async with client_of(state, timeout=60) as client:
            yield client


@dataclass(frozen=True)
class Scene:
    """``fields`` are what a stranger may write, each with the parts of a prompt that it may change.

    ``labels`` are what user and assistant go by in this scene's transcripts.
    """

    name: str
    service: ServiceName
    fields: Mapping[str, frozenset[str]]
    send: Callable[[httpx.AsyncClient, World, Values, str], Awaitable[httpx.Response]]
    labels: tuple[str, str] = LABELS

    def values(self, attacked: str | None = None, text: str = "") -> dict[str, str]:
        """Harmless texts, and the attack before and behind one in its field; names are cut to their limit."""
        values = {each: NAMES.get(each, HARMLESS) for each in self.fields}
        for written, label in zip(LABELS, self.labels, strict=True):
            text = text.replace(written, label)
        if attacked in NAMES:
            values[attacked] = text[:NAME_CHARS].strip() or NAMES[attacked]
        elif attacked is not None:
            values[attacked] = f"{text}\n{HARMLESS}\n{text}"
        return values

    async def conversations(self, many: Iterable[Values]) -> list[Conversation]:
        """What the model is asked to continue, for each set of values, one after another in fresh rooms."""
        world, asked = World(self.service), []
        async with world.client() as client:
            for values in many:
                world.history.store.stored.clear()
                answer = await self.send(client, world, values, "Llama")
                assert answer.status_code == 200, answer.text
                asked.append(world.model.conversations[-1])
        return asked
