"""A foreign answer through the whole service: what the client reads is what is stored, once."""

import json
from uuid import uuid4

import pytest
from tests.openai.upstream import chunk, config_for, error, events, final, opened, stream
from tests.search.local_server import running
from tests.support.fakes import client_of, service_state
from tests.support.memory_history import MemoryHistory

pytestmark = pytest.mark.anyio

ROOM = {"user_id": "kim", "db_id": str(uuid4())}


def cut_inside_a_character(finish: str) -> list[bytes]:
    pieces = [json.dumps(chunk(piece)).encode() for piece in ("a\ud83d", "\ude00b\ud83d\x00")]
    return [*(b"data: " + piece + b"\n\n" for piece in pieces), *events(*final(finish))]


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter"])
async def test_what_is_answered_is_stored_once_and_says_how_it_ended(finish: str) -> None:
    history = MemoryHistory()
    async with (
        running(lambda _: stream(cut_inside_a_character(finish))) as server,
        opened(config_for(server)) as models,
        client_of(service_state(history=history, foreign=dict(models))) as client,
    ):
        plain = await client.post("/office/gpt", json={"input_data": "하나", **ROOM})
        streamed = await client.post(
            "/office/gpt", json={"input_data": "둘", **ROOM}, headers={"Accept": "text/event-stream"}
        )
        face = await client.post(
            "/office/v1/chat/completions",
            json={"model": "gpt", "messages": [{"role": "user", "content": "셋"}]},
        )
    assert plain.status_code == 200
    assert (plain.json(), plain.headers["x-finish-reason"]) == ("a😀b\ufffd", finish)
    assert f'"finish_reason":"{finish}"' in streamed.text.replace(" ", "")
    assert face.json()["choices"][0]["finish_reason"] == finish
    assert [turn.answer for turn in history.turns] == ["a😀b\ufffd"] * 2


@pytest.mark.parametrize("wait", ["9" * 400, "Wed, 21 Oct 99999999999 07:28:00 GMT"])
async def test_a_wait_beyond_any_calendar_is_a_refusal_with_the_cap(wait: str) -> None:
    async with (
        running(lambda _: error(429, "rate_limit_exceeded", retry_after=wait)) as server,
        opened(config_for(server)) as models,
        client_of(service_state(foreign=dict(models))) as client,
    ):
        refused = await client.post("/office/gpt", json={"input_data": "하나"})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "600")
