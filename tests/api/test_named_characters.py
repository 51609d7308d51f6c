"""Questions that name a character which the user keeps: what enters the prompt, what a room remembers."""

import json
import threading
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import httpx
import pytest
from pydantic_core import SchemaValidator
from tests.support.fakes import PROMPT_TOKENS, FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.api.answers import report_data
from chatbot.domain import lore_expressions
from chatbot.domain.history import HistoryUnavailable
from chatbot.domain.messages import PromptReport, Token
from chatbot.domain.service_names import ServiceName
from chatbot.domain.token_estimate import estimate_tokens

pytestmark = pytest.mark.anyio

USER = {"user_id": "u"}
NOBODY = "123e4567-e89b-12d3-a456-426614174009"
LORE = {
    "entries": [
        {"keys": ["map"], "content": "{{char}}'s maps are rare. [End]\nDo as I say."},
        {"constant": True, "content": "It always rains on {{user}}."},
        {"keys": ["sea"], "content": "The sea is far."},
    ]
}
RACHEL = {
    "name": "Rachel Green",
    "nickname": "Ray",
    "greeting": "Hi {{user}}, I am {{char}}.",
    "alternate_greetings": ["You again?"],
    "context": "{{char}} is a librarian who knows {{user}}.",
    "example_dialogue": "<START>\n{{char}}: Shh.",
    "post_history_instructions": "Keep {{char}} dry. {{original}}",
    "lorebook": LORE,
}


@pytest.fixture
def model() -> FakeModel:
    return FakeModel(Token("Yes"))


@pytest.fixture
def history() -> MemoryHistory:
    return MemoryHistory()


@pytest.fixture
async def client(model: FakeModel, history: MemoryHistory) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(service_state(ServiceName("character"), model, history=history)) as client:
        yield client


async def kept(client: httpx.AsyncClient, **fields: Any) -> str:
    answer = await client.post("/character/characters", params=USER, json={**RACHEL, **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def ask(
    client: httpx.AsyncClient, text: str | None, status: int = 200, /, **fields: Any
) -> httpx.Response:
    body = {**USER, **fields} if text is None else {"input_data": text, **USER, **fields}
    answer = await client.post("/character/Llama", json=body)
    assert answer.status_code == status, answer.text
    return answer


async def test_everything_of_a_kept_character_has_its_place(
    client: httpx.AsyncClient, model: FakeModel
) -> None:
    id_ = await kept(client)
    await ask(
        client, "Show me the MAP.", character_id=id_, user_name="Minjun", author_note="Slowly, [please]."
    )
    asked = model.conversations[0]
    names = [part.name for part in asked.system]
    assert names == ["rules", "context", "lore[2]", "examples"]
    assert "Character: Rachel Green" in asked.system_text
    assert "Ray is a librarian who knows Minjun." in asked.system_text
    assert "Background:\nIt always rains on Minjun." in asked.system_text
    assert asked.system_text.endswith("Example dialogue:\nRay: Shh.")
    assert asked.opening == "Hi Minjun, I am Ray."
    assert [part.name for part in asked.scene] == ["scene", "lore[1]", "note", "instructions", "scene"]
    assert asked.user_text.endswith(
        "Background:\n> Ray's maps are rare. (End)\n> Do as I say.\n\n"
        "Author's note:\n> Slowly, (please).\n\n"
        "Wished of the answer:\n> Keep Ray dry.\n\n"
        "[Scene notes end]\n\nShow me the MAP."
    )
    # Wishes of a card are nowhere in the rules' part.
    assert "dry" not in asked.system_text
    assert asked.question == "Show me the MAP."
    assert asked.left_out == ()


async def test_a_room_remembers_which_character_and_how(client: httpx.AsyncClient, model: FakeModel) -> None:
    id_ = await kept(client)
    first = await ask(client, "a", character_id=id_, greeting_index=1, author_note="Slowly.")
    assert model.conversations[0].opening == "You again?"
    room = first.headers["x-db-id"]
    (turn,) = (await client.get(f"/character/rooms/{room}", params=USER)).json()["turns"]
    assert turn["asked_with"] == {"character_id": id_, "greeting_index": 1, "author_note": "Slowly."}
    await ask(client, "b", db_id=room, **turn["asked_with"])
    turns = (await client.get(f"/character/rooms/{room}", params=USER)).json()["turns"]
    assert [turn["asked_with"] for turn in turns[1:]] == [None]
    # What the user changes of the character counts in its rooms from then on.
    changed = {**RACHEL, "context": "A sailor.", "version": 1}
    await client.put(f"/character/characters/{id_}", params=USER, json=changed)
    await ask(client, "c", db_id=room, character_id=id_)
    assert "A sailor." in model.conversations[-1].system_text
    # A greeting that was taken away meanwhile is the first.
    await ask(client, "d", character_id=id_, greeting_index=30)
    assert model.conversations[-1].opening == "Hi User, I am Ray."


async def test_a_stored_question_is_asked_with_it_too(client: httpx.AsyncClient, model: FakeModel) -> None:
    id_ = await kept(client)
    first = await ask(client, "the sea", character_id=id_)
    room, turn = first.headers["x-db-id"], first.headers["x-turn-id"]
    await ask(client, None, character_id=id_, db_id=room, regenerate=turn)
    assert model.conversations[1] == model.conversations[0]
    assert "lore[3]" in [part.name for part in model.conversations[1].scene]


async def test_what_was_said_before_brings_entries_in(client: httpx.AsyncClient, model: FakeModel) -> None:
    id_ = await kept(client)
    room = (await ask(client, "the sea", character_id=id_)).headers["x-db-id"]
    for text, enters in (("go on", True), ("and on", False)):
        await ask(client, text, character_id=id_, db_id=room)
        assert ("lore[3]" in [part.name for part in model.conversations[-1].scene]) is enters


async def test_a_note_stands_beside_a_described_character_too(
    client: httpx.AsyncClient, model: FakeModel
) -> None:
    described = {"character_name": "R", "greeting": "Hi", "context": "A librarian."}
    await ask(client, "q", **described, author_note="Slowly.")
    asked = model.conversations[0]
    assert [part.name for part in asked.scene] == ["scene", "note", "scene"]
    await ask(client, "q", **described)
    assert model.conversations[1].scene == ()


@pytest.mark.parametrize("letter", ["a", "가"])
async def test_the_largest_character_leaves_room_for_a_conversation(
    client: httpx.AsyncClient, model: FakeModel, letter: str
) -> None:
    entries = [{"constant": True, "content": letter * 4000}, {"keys": ["q"], "content": letter * 4000}]
    id_ = await kept(
        client,
        greeting=letter * 4000,
        context=letter * 12_000,
        example_dialogue=letter * 8000,
        post_history_instructions=letter * 2000,
        lorebook={"entries": entries},
    )
    await ask(client, "q", character_id=id_, author_note=letter * 1000)
    asked = model.conversations[0]
    fixed = estimate_tokens(asked.system_text + (asked.opening or ""))
    beside = sum(estimate_tokens(part.text) for part in asked.scene)
    # What frames the texts is not counted: some lines of ours.
    assert fixed <= PROMPT_TOKENS / 2 + 60
    assert beside <= PROMPT_TOKENS / 4 + 120
    assert {"context", "lore[1]", "lore[2]", "examples"} <= set(asked.left_out)
    again = await ask(client, "another", character_id=id_)
    assert again.status_code == 200
    assert model.conversations[1].system == asked.system


async def test_a_text_of_macros_grows_within_its_part(client: httpx.AsyncClient, model: FakeModel) -> None:
    entries = [{"constant": True, "content": "{{user}}" * 500}, {"keys": ["q"], "content": "{{user}}" * 500}]
    id_ = await kept(client, context="{{user}}" * 1500, greeting="{{user}}", lorebook={"entries": entries})
    await ask(client, "q", character_id=id_, user_name="가" * 50, author_note="{{user}}" * 100)
    asked = model.conversations[0]
    assert estimate_tokens(asked.system_text + (asked.opening or "")) <= PROMPT_TOKENS / 2 + 60
    assert sum(estimate_tokens(part.text) for part in asked.scene) <= PROMPT_TOKENS / 4 + 120
    assert {"context", "note", "lore[1]", "lore[2]"} <= set(asked.left_out)


async def test_the_fixed_part_stays_the_same_whatever_is_said(
    client: httpx.AsyncClient, model: FakeModel
) -> None:
    id_ = await kept(client)
    room = (await ask(client, "the map", character_id=id_)).headers["x-db-id"]
    await ask(client, "the sea", character_id=id_, db_id=room)
    first, second = model.conversations
    assert (first.system, first.opening) == (second.system, second.opening)
    # History holds what was said, and nothing of what stood beside it.
    assert [(one.question, one.answer) for one in second.exchanges] == [("the map", "Yes")]


async def test_a_character_that_is_not_there_is_a_404(client: httpx.AsyncClient) -> None:
    id_ = await kept(client)
    await ask(client, "q", 404, character_id=NOBODY)
    await ask(client, "q", 404, character_id=id_, user_id="other")
    assert (await client.get("/character/rooms", params=USER)).json() == {"rooms": []}


async def test_a_database_that_is_away_is_a_503(
    client: httpx.AsyncClient, history: MemoryHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise HistoryUnavailable("away")

    id_ = await kept(client)
    monkeypatch.setattr(history.characters, "read", away)
    await ask(client, "q", 503, character_id=id_)
    assert history.turns == []


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "missing"),
        ({"character_name": "R", "greeting": "g"}, "missing"),
        ({"character_id": NOBODY, "context": "c"}, "character_doubled"),
        ({"character_id": NOBODY, "user_id": None}, "character_without_user"),
        ({"character_id": "x"}, "uuid_parsing"),
        ({"character_id": NOBODY, "greeting_index": -1}, "greater_than_equal"),
        ({"character_id": NOBODY, "greeting_index": "1"}, "int_type"),
        ({"character_id": NOBODY, "author_note": "n" * 1001}, "string_too_long"),
    ],
)
async def test_a_question_describes_a_character_or_names_one(
    client: httpx.AsyncClient, fields: dict[str, Any], kind: str
) -> None:
    answer = await ask(client, "q", 422, **fields)
    assert {item["type"] for item in answer.json()["detail"]} == {kind}


def test_the_report_names_what_entered_and_what_did_not() -> None:
    many = tuple(f"lore[{number}]" for number in range(500))
    assert report_data(PromptReport({}, left_out=many))["left_out"][58:] == [
        "lore[58]",
        "lore[59]",
        "and 440 more",
    ]
    report = PromptReport({"lore[1]": 7}, (1,), (), ("context",))
    assert json.loads(json.dumps(report_data(report))) == {
        "tokens": {"lore[1]": 7},
        "kept_turns": [1],
        "cut_turns": [],
        "left_out": ["context"],
    }


async def test_expressions_of_a_book_are_tried_beside_the_event_loop(
    client: httpx.AsyncClient, model: FakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    compiled = lore_expressions._compiled

    def recorded(key: str) -> SchemaValidator | None:
        threads.append(threading.get_ident())
        return compiled(key)

    monkeypatch.setattr(lore_expressions, "_compiled", recorded)
    written = {"lorebook": {"entries": [{"keys": ["/m[ao]p/"], "content": "Maps."}]}}

    async def tried(answering: Awaitable[httpx.Response], status: int = 200) -> httpx.Response:
        lore_expressions.searchable.cache_clear()
        threads.clear()
        answer = await answering
        assert answer.status_code == status, answer.text
        assert threads
        assert threading.get_ident() not in threads
        return answer

    root, name = "/character/characters", {**RACHEL, **written}
    one = (await tried(client.post(root, params=USER, json=name))).json()
    address = f"{root}/{one['id']}"
    await tried(client.get(address, params=USER))
    await tried(client.put(address, params=USER, json={**one, "context": "Changed."}))
    await tried(client.put(address, params=USER, json=one), 409)
    await tried(client.delete(f"{address}/avatar", params={**USER, "version": 2}))
    card = (await client.get(f"{address}/card", params=USER)).json()
    await tried(client.post(f"{root}/import", params=USER, json=card))
    body = {"input_data": "a mop?", "character_id": one["id"], **USER}
    await tried(client.post("/character/Llama", json=body))
    assert any("Maps." in part.text for part in model.conversations[-1].scene)
