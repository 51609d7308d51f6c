"""Conversations as strangers can make them: every field that foreign text can reach, through the application.

A scene sends whole requests with harmless texts in all fields but one, and tells which parts of the prompt
that field may change. What the model would be given is taken from the model's door.
"""

import base64
import json
from pathlib import Path
from typing import Any

import httpx
from tests.domain.test_cards import png
from tests.redteam.world import HARMLESS, ROOM, Scene, Values, World

from chatbot.adapters.search.provider import RawHit
from chatbot.domain.cards import read_card
from chatbot.domain.messages import Token
from chatbot.domain.service_names import ServiceName

INJECTIONS: dict[str, str] = json.loads((Path(__file__).parent / "injections.json").read_text("utf-8"))


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
