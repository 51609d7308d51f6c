"""What a room remembers of its requests beside the questions: here, the character that was played."""

from typing import Any

import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.domain.messages import Token
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

DB = "123e4567-e89b-12d3-a456-426614174000"
USER = {"user_id": "u"}
RACHEL = {"character_name": "Rachel", "greeting": "Hi, {{user}}!", "context": "A librarian."}
JIWOO = {**RACHEL, "character_name": "지우", "user_name": "민준"}


async def test_a_turn_tells_its_character_where_the_path_before_it_had_another() -> None:
    state = service_state(ServiceName("character"), FakeModel(Token("네")), history=MemoryHistory())
    async with client_of(state) as client:

        async def ask(character: dict[str, str], **more: Any) -> str:
            text = {} if "regenerate" in more else {"input_data": "q"}
            body = {**text, **USER, "db_id": DB, **character, **more}
            answer = await client.post("/character/Llama", json=body)
            assert answer.status_code == 200, answer.text
            return answer.headers["x-turn-id"]

        async def told(path: str = f"/character/rooms/{DB}", **query: Any) -> list[dict[str, str] | None]:
            page = (await client.get(path, params={**USER, **query})).json()
            turns = page["rooms"][0]["turns"] if "rooms" in page else page["turns"]
            return [turn["asked_with"] for turn in turns]

        first = await ask(RACHEL)
        second = await ask(RACHEL)
        assert await told() == [RACHEL, None]
        await ask(JIWOO)
        await ask(JIWOO)
        await ask(RACHEL, after=first)
        await ask(JIWOO, after=second)
        # Nothing stands before the first turn's place.
        await ask(RACHEL, regenerate=first)
        expected = [RACHEL, None, JIWOO, None, None, JIWOO, RACHEL]
        assert await told(branches=1) == expected
        assert await told("/character/rooms/export") == expected


async def test_a_service_that_remembers_no_field_tells_none() -> None:
    history = MemoryHistory()
    async with client_of(service_state(history=history)) as client:
        body = {"input_data": "q", **USER, "db_id": DB, "google_access": False}
        assert (await client.post("/office/Llama", json=body)).status_code == 200
    assert [turn.asked_with for turn in history.turns] == [None]


async def test_a_room_remembers_how_the_tokens_of_its_answers_are_chosen() -> None:
    history = MemoryHistory()
    async with client_of(service_state(history=history)) as client:

        async def ask(**sampling: Any) -> None:
            body = {"input_data": "q", **USER, "db_id": DB, "sampling": sampling}
            assert (await client.post("/office/Llama", json=body)).status_code == 200

        await ask(seed=5)
        await ask(temperature=0.2, max_tokens=50, seed=7, min_p=None)
        await ask(max_tokens=50, temperature=0.2)
        await ask(dry_sequence_breakers=["\n"], logit_bias={"5": -1})
        await ask()
        turns = (await client.get(f"/office/rooms/{DB}", params=USER)).json()["turns"]
    assert [turn["asked_with"] for turn in turns] == [
        None,
        {"sampling": '{"temperature":0.2,"max_tokens":50}'},
        None,
        {"sampling": '{"dry_sequence_breakers":["\\n"],"logit_bias":{"5":-1.0}}'},
        {},
    ]
