"""Conversations as strangers can make them: every field that foreign text can reach, through the application.

A scene sends whole requests with harmless texts in all fields but one, and tells which parts of the prompt
that field may change. What the model would be given is taken from the model's door.
"""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from tests.domain.test_cards import png
from tests.support.fakes import FakeModel, MemoryHistory, client_of, service_state

from chatbot.adapters.search.chain import Chain
from chatbot.adapters.search.provider import RawHit
from chatbot.domain.cards import read_card
from chatbot.domain.language import Language
from chatbot.domain.messages import Conversation, Sampling, ServiceName, Token
from chatbot.domain.models import ChatModel
from chatbot.domain.search import SearchResult

INJECTIONS: dict[str, str] = json.loads((Path(__file__).parent / "injections.json").read_text("utf-8"))

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


def parts(*names: str) -> frozenset[str]:
    return frozenset(names)


FOUND = parts("search", "search[1]", "search[2]")


async def _in_a_room(
    client: httpx.AsyncClient, world: World, values: Values, more: dict[str, Any], alias: str
) -> httpx.Response:
    """One earlier turn whose answer is the stranger's too, then the question."""
    room = {**more, "user_id": "stranger", "db_id": ROOM}
    path = f"/{world.service}"
    world.model.script = (Token(values["past_answer"]),)
    earlier = await client.post(f"{path}/Llama", json={**room, "input_data": values["past_question"]})
    assert earlier.status_code == 200, earlier.text
    return await client.post(f"{path}/{alias}", json={**room, "input_data": values["question"]})


async def send_office(
    client: httpx.AsyncClient, world: World, values: Values, alias: str = "Llama"
) -> httpx.Response:
    address = (
        f"https://example.com/{values['address']}"
        if values["address"] != HARMLESS
        else "https://example.com/"
    )
    world.hits = [
        RawHit(values["title"], address, values["snippet"]),
        RawHit("둘째 쪽", "https://example.org/2", "다른 내용입니다."),
    ]
    return await _in_a_room(client, world, values, {"google_access": True}, alias)


async def send_character(
    client: httpx.AsyncClient, world: World, values: Values, alias: str = "Llama"
) -> httpx.Response:
    fields = {name: values[name] for name in ("character_name", "greeting", "context", "user_name")}
    return await _in_a_room(client, world, values, fields, alias)


async def send_openai_face(
    client: httpx.AsyncClient, world: World, values: Values, alias: str = "Llama"
) -> httpx.Response:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": values["system"]},
        {"role": "system", "name": "example_user", "content": values["example"]},
        {"role": "developer", "content": HARMLESS},
        {"role": "assistant", "name": values["character_name"], "content": values["opening"]},
        {"role": "user", "name": values["user_name"], "content": values["past_question"]},
        {"role": "assistant", "content": [{"type": "text", "text": values["past_answer"]}]},
        {"role": "user", "content": values["question"]},
        {"role": "system", "content": values["jailbreak"]},
    ]
    body = {"messages": messages, "model": alias}
    return await client.post(f"/{world.service}/v1/chat/completions", json=body)


async def send_card(
    client: httpx.AsyncClient, world: World, values: Values, alias: str = "Llama"
) -> httpx.Response:
    data: dict[str, Any] = {
        key: values[key] for key in CARD_FIELDS if key not in ("alternate_greetings", "character_book")
    }
    data |= {
        "alternate_greetings": [values["alternate_greetings"]],
        "character_book": {"entries": [{"keys": ["a"], "content": values["character_book"]}]},
        "extensions": {"depth_prompt": {"prompt": values["extensions"]}},
    }
    card = json.dumps({"spec": "chara_card_v3", "spec_version": "3.0", "data": data}).encode()
    fields = read_card(png(ccv3=base64.b64encode(card))).request_fields()
    return await client.post(f"/character/{alias}", json={**fields, "input_data": HARMLESS})


async def send_kept(
    client: httpx.AsyncClient, world: World, values: Values, alias: str = "Llama"
) -> httpx.Response:
    whose = {"user_id": "stranger"}
    path = f"/{world.service}"
    world.history.characters.stored.clear()
    entries = [
        {"constant": True, "content": values["constant_entry"]},
        {"keys": ["회의"], "content": values["keyed_entry"]},
    ]
    texts = ("name", "nickname", "greeting", "context", "example_dialogue", "post_history_instructions")
    character = {**{name: values[name] for name in texts}, "lorebook": {"entries": entries}}
    kept = await client.post(f"{path}/characters", params=whose, json=character)
    assert kept.status_code == 200, kept.text
    named = {"character_id": kept.json()["id"], "author_note": values["author_note"]}
    return await client.post(f"{path}/{alias}", json={**whose, **named, "input_data": values["question"]})


PAST = {"past_question": parts("history"), "past_answer": parts("history"), "question": parts("question")}
CARD_FIELDS = {
    "name": parts("context", "opening", "template"),
    "nickname": parts("context", "opening"),
    "description": parts("context"),
    "personality": parts("context"),
    "scenario": parts("context"),
    "mes_example": parts("context"),
    "first_mes": parts("opening"),
    "system_prompt": parts(),
    "post_history_instructions": parts(),
    "creator_notes": parts(),
    "alternate_greetings": parts(),
    "character_book": parts(),
    "extensions": parts(),
}

SCENES = (
    Scene(
        "office",
        ServiceName("office"),
        {**PAST, "title": parts("search[1]"), "snippet": parts("search[1]"), "address": FOUND},
        send_office,
    ),
    Scene(
        "character",
        ServiceName("character"),
        {
            **PAST,
            "character_name": parts("context", "opening", "template"),
            "user_name": parts("context", "opening", "template"),
            "greeting": parts("opening"),
            "context": parts("context"),
        },
        send_character,
        ("지훈", "미나"),
    ),
    Scene(
        "office by OpenAI's format",
        ServiceName("office"),
        {
            **PAST,
            "system": parts("question"),
            "example": parts("question"),
            "jailbreak": parts("question"),
            "opening": parts("opening"),
            "character_name": parts(),
            "user_name": parts(),
        },
        send_openai_face,
    ),
    Scene(
        "character by OpenAI's format",
        ServiceName("character"),
        {
            **PAST,
            "system": parts("context"),
            "example": parts("context"),
            "jailbreak": parts("context"),
            "opening": parts("opening"),
            "character_name": parts("context", "opening", "template"),
            "user_name": parts("context", "template"),
        },
        send_openai_face,
        ("지훈", "미나"),
    ),
    Scene("card", ServiceName("character"), CARD_FIELDS, send_card, ("사용자", "미나")),
    Scene(
        "kept character",
        ServiceName("character"),
        {
            "name": parts("context", "opening", "template"),
            "nickname": parts(),
            "greeting": parts("opening"),
            "context": parts("context"),
            "constant_entry": parts("lore[1]"),
            "example_dialogue": parts("examples"),
            "keyed_entry": parts("lore[2]"),
            "author_note": parts("note"),
            "post_history_instructions": parts("instructions"),
            "question": parts("question"),
        },
        send_kept,
        ("사용자", "미나"),
    ),
)
CASES = [(scene, field) for scene in SCENES for field in scene.fields]


def case_name(value: object) -> str:
    return value.name if isinstance(value, Scene) else str(value)
