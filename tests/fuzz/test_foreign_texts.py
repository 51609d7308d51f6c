"""Any text in any field of a body: taken, or refused as the contract says; never a defect."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fakes import client_of, service_state
from tests.support.foreign_texts import TEXTS

from chatbot.adapters.history.character_records import read_character, write_character
from chatbot.adapters.history.records import read_whole_record, write_record
from chatbot.api.character_bodies import ImportedCharacter, read_card_upload
from chatbot.domain.card_files import CardError
from chatbot.domain.characters import CharacterSheet, StoredCharacter
from chatbot.domain.history import Owner, Room, RoomState, Turn
from chatbot.domain.plaintext import is_sound
from chatbot.domain.schemas import TITLE_CHARS
from chatbot.domain.service_names import ServiceName
from chatbot.domain.stored_cards import card_of, character_of_card

DB, TURN = str(UUID(int=77)), str(UUID(int=78))
USER = {"user_id": "u"}
Ask = Callable[[str, str, object], httpx.Response]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """Send any JSON to either service."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        clients = {
            name: runner.run(
                stack.enter_async_context(client_of(service_state(ServiceName(name)), params=USER))
            )
            for name in ("office", "character")
        }

        def send(method: str, path: str, body: object) -> httpx.Response:
            client = clients[path.split("/")[1]]
            headers = {"Content-Type": "application/json"}
            return runner.run(client.request(method, path, content=json.dumps(body), headers=headers))

        yield send
        runner.run(stack.aclose())


def _asked(**more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "x"}], **more}


def _tool(description: str) -> dict[str, Any]:
    tool = {"type": "function", "name": "f", "description": description}
    return {"input": "x", "tools": [tool], "tool_choice": "required"}


ENTRY = {"keys": ["a"], "content": "b"}
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
FIELDS: list[tuple[str, str, Callable[[str], dict[str, Any]]]] = [
    ("POST", "/office/Llama", lambda text: {"input_data": text}),
    ("POST", "/office/Llama", lambda text: {"input_data": "x", **USER, "db_id": text}),
    *[
        (
            "POST",
            "/character/Llama",
            lambda text, name=name: {
                "input_data": "x",
                "character_name": "x",
                "greeting": "x",
                "context": "x",
                name: text,
            },
        )
        for name in ("character_name", "greeting", "context", "user_name", "author_note")
    ],
    *[
        ("POST", f"/office{CHAT}", lambda text, name=name: _asked(**{name: text}))
        for name in ("stop", "user", "grammar", "guided_regex", "guided_json", "model")
    ],
    ("POST", f"/office{CHAT}", lambda text: _asked(guided_choice=[text])),
    ("POST", f"/office{CHAT}", lambda text: {"messages": [{"role": "user", "content": text}]}),
    ("POST", f"/office{CHAT}", lambda text: {"messages": [{"role": "user", "content": "x", "name": text}]}),
    ("POST", f"/office{RESPONSES}", lambda text: {"input": text}),
    ("POST", f"/office{RESPONSES}", lambda text: {"input": "x", "instructions": text}),
    ("POST", f"/office{RESPONSES}", lambda text: {"input": "x", "instructions": text, "stream": True}),
    ("POST", f"/office{RESPONSES}", _tool),
    ("POST", "/character/characters", lambda text: {"name": text}),
    ("POST", "/character/characters", lambda text: {"name": "x", "card": {text: text}}),
    (
        "POST",
        "/character/characters",
        lambda text: {"name": "x", "lorebook": {"entries": [{**ENTRY, "extensions": {text: 1}}]}},
    ),
    (
        "POST",
        "/character/characters",
        lambda text: {"name": "x", "lorebook": {"unused_entries": [{"a": [text]}], "description": ""}},
    ),
    ("POST", "/character/characters", lambda text: {"name": "x", "lorebook": {"description": text}}),
    ("PATCH", f"/office/rooms/{DB}", lambda text: {"title": text}),
    ("PATCH", f"/office/rooms/{DB}", lambda text: {"facts": [text]}),
    ("POST", "/office/rooms/search", lambda text: {"q": text}),
]


def test_any_text_of_any_field_is_taken_or_refused(ask: Ask) -> None:
    @given(st.sampled_from(FIELDS), TEXTS)
    def check(field: tuple[str, str, Callable[[str], dict[str, Any]]], text: str) -> None:
        method, path, body = field
        answer = ask(method, path, body(text))
        assert answer.status_code < 500, answer.text
        assert answer.content
        if not is_sound(text):
            assert answer.status_code in ((400,) if "/v1/" in path else (404, 422)), answer.text
        ask("DELETE", "/character/characters", None)

    check()


@given(TEXTS)
def test_a_turn_from_elsewhere_is_stored_whatever_its_texts(text: str) -> None:
    turn = {"id": TURN, "input_data": text, "output_data": text, "model": text, "asked_with": {"a": text}}
    turn |= {"created_at": "2024-03-12T10:13:00+09:00"}

    async def stored() -> dict[str, Any]:
        body = json.dumps({"db_id": DB, "turns": [turn]})
        async with client_of(service_state(), params=USER) as client:
            headers = {"Content-Type": "application/json"}
            answer = await client.post("/office/rooms/import", content=body, headers=headers)
            assert answer.json() == {"stored": 1, "present": 0}
            found: dict[str, Any] = (await client.get(f"/office/rooms/{DB}")).json()["turns"][0]
            return found

    found = asyncio.run(stored())
    assert is_sound(found["input_data"] + found["output_data"] + found["model"] + found["asked_with"]["a"])


def _book(**fields: Any) -> dict[str, Any]:
    return {"character_book": {"entries": [{**ENTRY, **fields}]}}


IN_CARDS: list[Callable[[str], dict[str, Any]]] = [
    lambda text: {"name": text},
    lambda text: {"nickname": text, "description": text, "mes_example": text},
    lambda text: {"first_mes": text, "alternate_greetings": [text]},
    lambda text: {"creator": text, "tags": [text]},
    lambda text: {text: "v"},
    lambda text: {"k" * 101 + text: "v", text + "k" * 101: "v"},
    lambda text: {text: "v" * 140_000},
    lambda text: {"extensions": {"a": [{text: text}]}},
    lambda text: {"character_book": {"entries": [], "name": text}},
    lambda text: {"character_book": {"entries": [], "description": text, "extensions": {text: text}}},
    lambda text: _book(content=text),
    lambda text: _book(keys=[text, f"{text}, {text}"], secondary_keys=text),
    lambda text: _book(name=text, comment=text),
    lambda text: _book(extensions={text: text}, use_regex=True, keys=[text]),
    lambda text: _book(insertion_order=text, priority=text, **{text: text}),
]


@given(st.sampled_from(IN_CARDS), TEXTS | TEXTS.map(lambda text: (text * 60)[:4500]))
def test_a_card_is_kept_and_told_or_refused(fields: Callable[[str], dict[str, Any]], text: str) -> None:
    data = {"name": "x", **fields(text)}
    try:
        character, avatar, taken = read_card_upload(json.dumps({"data": data}).encode())
    except CardError:
        return
    stored = StoredCharacter(uuid4(), 1, character, datetime.now(UTC), avatar)
    assert ImportedCharacter.of(stored, taken).model_dump_json()
    assert CharacterSheet.of_json(character.as_json()) == character
    line = write_character(Owner(ServiceName("character"), "u"), stored).encode()
    assert read_character(line).stored.character == character
    again, _ = character_of_card(card_of(character))
    assert again.name == character.name


def test_a_title_that_was_taken_comes_back_from_its_export(ask: Ask) -> None:
    turn = {
        "id": TURN,
        "input_data": "q",
        "output_data": "a",
        "model": "m",
        "created_at": "2024-03-12T10:13:00Z",
    }

    @given(TEXTS | TEXTS.map(lambda text: text * 9))
    def check(title: str) -> None:
        ask("POST", "/office/rooms/import", {"db_id": DB, "turns": [turn]})
        answer = ask("PATCH", f"/office/rooms/{DB}", {"title": title})
        if answer.status_code == 422:
            return
        told = answer.json()["title"] or ""
        assert len(told) <= TITLE_CHARS
        assert (ask("PATCH", f"/office/rooms/{DB}", {"title": told}).json()["title"] or "") == told
        room = Room(ServiceName("office"), "u", UUID(DB))
        line = write_record(Turn(UUID(TURN), room, 1, "q", "a", "m", datetime.now(UTC)), RoomState(1, told))
        state = read_whole_record(line).state
        assert state is not None
        assert (state.title or "") == told

    check()
