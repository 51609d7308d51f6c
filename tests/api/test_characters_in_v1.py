"""Kept characters in conversations of OpenAI's format: ``character_id`` beside ``user``."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.api.test_named_characters import NOBODY, RACHEL, USER
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.domain.access import KeyEntry, KeyRing, digest
from chatbot.domain.messages import Token
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

HI = {"role": "user", "content": "Show me the MAP."}
KEYS = KeyRing([KeyEntry(name="front", sha256=digest("right"), users=("other",))])


@pytest.fixture
def model() -> FakeModel:
    return FakeModel(Token("Yes"))


@pytest.fixture
async def client(model: FakeModel) -> AsyncIterator[httpx.AsyncClient]:
    state = service_state(ServiceName("character"), model, history=MemoryHistory())
    async with client_of(state) as client:
        yield client


async def kept(client: httpx.AsyncClient) -> str:
    answer = await client.post("/character/characters", params=USER, json=RACHEL)
    return str(answer.json()["id"])


async def complete(client: httpx.AsyncClient, *messages: dict[str, str], **fields: Any) -> httpx.Response:
    body = {"messages": messages or [HI], "user": USER["user_id"], **fields}
    return await client.post("/character/v1/chat/completions", json=body)


async def test_a_kept_character_plays_as_on_the_suite_s_own_route(
    client: httpx.AsyncClient, model: FakeModel
) -> None:
    id_ = await kept(client)
    body = {"input_data": HI["content"], "character_id": id_, "user_name": "Minjun", **USER}
    assert (await client.post("/character/Llama", json=body)).status_code == 200
    assert (await complete(client, character_id=id_, user_name="Minjun")).status_code == 200
    own, foreign = model.conversations
    assert foreign == own
    # Nothing is remembered of it.
    rooms = (await client.get("/character/rooms", params=USER)).json()["rooms"]
    assert len(rooms) == 1


async def test_the_client_s_instructions_and_its_own_first_line_have_their_places(
    client: httpx.AsyncClient, model: FakeModel
) -> None:
    messages = (
        {"role": "system", "content": "{{char}} is tired today."},
        {"role": "assistant", "content": "*yawns*"},
        {"role": "user", "content": "The map?"},
        {"role": "assistant", "content": "What map?"},
        {"role": "user", "content": "That one."},
    )
    assert (await complete(client, *messages, character_id=await kept(client))).status_code == 200
    [asked] = model.conversations
    context = next(part.text for part in asked.system if part.name == "context")
    assert context.index("Ray is a librarian") < context.index("Ray is tired today.")
    assert asked.opening == "*yawns*"
    assert [(turn.question, turn.answer) for turn in asked.exchanges] == [("The map?", "What map?")]
    # By what was said before.
    assert "lore[1]" in [part.name for part in asked.scene]


async def test_a_long_introduction_makes_way_for_the_client_s_instructions(
    client: httpx.AsyncClient, model: FakeModel
) -> None:
    long = {**RACHEL, "context": "Ray is a librarian. " * 600}
    id_ = (await client.post("/character/characters", params=USER, json=long)).json()["id"]
    told = {"role": "system", "content": "{{char}} is tired today."}
    assert (await complete(client, told, HI, character_id=id_)).status_code == 200
    [asked] = model.conversations
    context = next(part.text for part in asked.system if part.name == "context")
    assert context.count("Ray is a librarian.") < 600
    assert context.count("Ray is tired today.") == 1
    assert "context" in asked.left_out


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_not_there_or_another_s_is_the_same_404(
    client: httpx.AsyncClient, stream: bool
) -> None:
    id_ = await kept(client)
    absent = await complete(client, character_id=NOBODY, stream=stream)
    foreign = await complete(client, character_id=id_, user="other", stream=stream)
    no_user_id = await complete(client, character_id=id_, user="a b/c", stream=stream)
    assert absent.status_code == foreign.status_code == no_user_id.status_code == 404
    assert absent.json() == foreign.json() == no_user_id.json()
    own = await client.post("/character/Llama", json={"input_data": "q", "character_id": NOBODY, **USER})
    assert own.status_code == 404


async def test_a_key_asks_for_its_own_users_alone() -> None:
    state = service_state(ServiceName("character"), FakeModel(), keys=KEYS)
    async with client_of(state, headers={"Authorization": "Bearer right"}) as client:
        assert (await complete(client, character_id=NOBODY)).status_code == 403
        assert (await complete(client, character_id=NOBODY, user="other")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"user": None}, "character_id needs a user"),
        ({"user": ""}, "character_id needs a user"),
        ({"character_name": "R"}, "not both"),
        ({"greeting": "Hi"}, "not both"),
        ({"character_id": "x"}, "UUID"),
        ({"character_id": 5}, "UUID"),
    ],
)
async def test_what_names_no_character_is_refused_by_name(
    client: httpx.AsyncClient, fields: dict[str, Any], message: str
) -> None:
    answer = await complete(client, **{"character_id": NOBODY, **fields})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, "character_id", "invalid_value")
    assert message in error["message"]


async def test_a_service_that_plays_nobody_refuses_it_and_a_response_takes_it(
    client: httpx.AsyncClient, model: FakeModel
) -> None:
    async with client_of(service_state()) as office:
        body = {"messages": [HI], "character_id": NOBODY, "user": "u"}
        answer = await office.post("/office/v1/chat/completions", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_parameter")
    body = {"input": HI["content"], "character_id": await kept(client), "user": USER["user_id"]}
    assert (await client.post("/character/v1/responses", json=body)).status_code == 200
    assert "Ray is a librarian" in model.conversations[0].system_text
