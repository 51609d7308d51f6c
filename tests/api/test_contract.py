"""Spec §2 over HTTP with a fake model: answers, headers, events, and every error that the HTTP side makes."""

import json
from typing import Any
from uuid import UUID

import pytest
from tests.support.fakes import FakeModel, FixedSearch, SilentMeter, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.domain import errors
from chatbot.domain.errors import Overloaded
from chatbot.domain.messages import Token, Waiting
from chatbot.domain.search import SearchHit, SearchOutcome, SearchResult
from chatbot.domain.service_names import ServiceName
from chatbot.domain.telemetry import Outcome

pytestmark = pytest.mark.anyio


ROOM = "123e4567-e89b-12d3-a456-426614174000"


RACHEL = {
    "input_data": "*I wave at Rachel with a smile.*",
    "character_name": "Rachel",
    "greeting": "*{{char}} looks up.* Hello, {{user}}!",
    "context": "{{char}} is a librarian of 29.",
    "user_id": "test_user",
    "db_id": ROOM,
}


def events_of(body: str) -> list[tuple[str, Any]]:
    """The events of a stream as (name, data) pairs."""
    blocks = [block for block in body.split("\n\n") if block and not block.startswith(":")]
    pairs = [block.split("\n") for block in blocks]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in pairs]


async def test_plain_answer_is_a_bare_json_string_with_its_metadata_in_headers() -> None:
    state = service_state()
    async with client_of(state) as client:
        answer = await client.post(
            "/office/Llama", json={"input_data": " 안녕하세요! ", "user_id": "test_user"}
        )
    assert answer.status_code == 200
    assert answer.json() == "안녕하세요"
    headers = answer.headers
    assert headers["x-model"] == "fake-model"
    assert headers["x-ai-generated"] == "true"
    assert UUID(headers["x-db-id"]).version == 4
    steps = [part.partition(";")[0] for part in headers["server-timing"].split(", ")]
    assert steps == ["queue", "history", "search", "prefill", "decode", "total"]
    assert len(headers["x-request-id"]) == 32


async def test_a_sane_request_id_is_kept_and_another_replaced() -> None:
    async with client_of(service_state()) as client:
        kept = await client.get("/office/performance", headers={"X-Request-Id": "abc-1.2_3"})
        replaced = await client.get("/office/performance", headers={"X-Request-Id": "a b"})
    assert kept.headers["x-request-id"] == "abc-1.2_3"
    assert replaced.headers["x-request-id"] != "a b"


async def test_the_door_counts_persona_and_character_as_part_of_the_prompt() -> None:
    model = FakeModel()
    async with client_of(service_state(ServiceName("character"), model=model)) as client:
        await client.post("/character/Llama", json=RACHEL)
    asked, rendered = model.requests[0], model.conversations[0]
    assert rendered.opening is not None
    texts = (rendered.system_text, rendered.opening, rendered.question)
    assert 0.95 < asked.prompt_chars / sum(map(len, texts)) <= 1


async def test_turns_of_a_room_reach_the_next_prompt_once_and_in_order() -> None:
    model, history = FakeModel(), MemoryHistory()
    async with client_of(service_state(model=model, history=history)) as client:
        for question in ("첫째", "둘째", "셋째"):
            body = {"input_data": question, "user_id": "u", "db_id": ROOM.upper()}
            assert (await client.post("/office/Llama", json=body)).headers["x-db-id"] == ROOM
    last = model.conversations[-1]
    assert [(turn.index, turn.question, turn.answer) for turn in last.exchanges] == [
        (1, "첫째", "안녕하세요"),
        (2, "둘째", "안녕하세요"),
    ]
    assert last.question == "셋째"


async def test_nothing_is_remembered_without_a_user() -> None:
    history = MemoryHistory()
    async with client_of(service_state(history=history)) as client:
        answer = await client.post("/office/Llama", json={"input_data": "안녕"})
    assert answer.status_code == 200
    assert "x-db-id" not in answer.headers
    assert history.turns == []


async def test_the_character_of_the_request_fills_the_frame_and_its_macros() -> None:
    model = FakeModel()
    async with client_of(service_state(ServiceName("character"), model)) as client:
        assert (await client.post("/character/Llama", json=RACHEL)).status_code == 200
    conversation = model.conversations[0]
    assert conversation.opening == "*Rachel looks up.* Hello, User!"
    assert [part.name for part in conversation.system] == ["rules", "context"]
    assert conversation.system_text.count("Rachel is a librarian of 29.") == 1
    assert conversation.speakers.assistant == "Rachel"


async def test_the_stream_ends_with_done_after_the_turn_is_stored() -> None:
    history = MemoryHistory()
    model = FakeModel(Waiting(2, 1.5), Token("안"), Token("녕"))
    async with client_of(service_state(model=model, history=history)) as client:
        answer = await client.post(
            "/office/Llama",
            json={"input_data": "안녕", "user_id": "u"},
            headers={"Accept": "text/event-stream"},
        )
    events = events_of(answer.text)
    assert [name for name, _ in events] == ["queue", "token", "token", "done"]
    assert events[0][1] == {"position": 2, "eta_s": 1.5}
    done = events[-1][1]
    assert done["db_id"] == answer.headers["x-db-id"] == str(history.turns[0].room.db_id)
    assert done["history"] == "database"
    assert done["usage"] == {"prompt_tokens": 10, "cached_tokens": 4, "completion_tokens": 3}
    assert history.turns[0].answer == "안녕"


async def test_a_failure_before_the_first_event_keeps_its_status_and_a_later_one_is_an_event() -> None:
    for script, expected in (
        ((errors.PromptTooLong(9000, 3584),), 400),
        ((Token("안"), errors.DeadlineExceeded("decode")), 200),
    ):
        history = MemoryHistory()
        async with client_of(service_state(model=FakeModel(*script), history=history)) as client:
            answer = await client.post(
                "/office/Llama",
                json={"input_data": "안녕", "user_id": "u"},
                headers={"Accept": "text/event-stream"},
            )
        assert answer.status_code == expected
        assert history.turns == []
        if expected == 200:
            name, data = events_of(answer.text)[-1]
            assert (name, data["status"]) == ("error", 504)


async def test_search_results_enter_the_user_turn_and_the_headers() -> None:
    hit = SearchHit("제목", "https://example.org/가", "본문")
    search = FixedSearch(SearchResult(SearchOutcome.OK, "naver", (hit,)))
    model = FakeModel()
    async with client_of(service_state(model=model, search=search)) as client:
        answer = await client.post("/office/Llama", json={"input_data": "오늘 소식", "google_access": True})
        plain = await client.post("/office/Llama", json={"input_data": "오늘 소식"})
    assert answer.headers["x-search-status"] == "ok"
    assert "https://example.org/" in answer.headers["link"]
    assert answer.headers["link"].isascii()
    assert "본문" in model.conversations[0].user_text
    assert "본문" not in model.conversations[0].system_text
    assert "x-search-status" not in plain.headers
    assert search.queries == ["오늘 소식"]


async def test_a_failed_search_is_told_to_the_client_and_the_model() -> None:
    search = FixedSearch(SearchResult(SearchOutcome.TIMEOUT, "naver"))
    model = FakeModel()
    async with client_of(service_state(model=model, search=search)) as client:
        answer = await client.post("/office/Llama", json={"input_data": "오늘 소식", "google_access": True})
    assert answer.status_code == 200
    assert answer.headers["x-search-status"] == "timeout"
    assert "검색" in model.conversations[0].user_text


async def test_performance_counts_each_question_once_by_how_it_ended() -> None:
    model = FakeModel()
    meter = SilentMeter()
    state = service_state(model=model, meter=meter)
    async with client_of(state) as client:
        await client.post("/office/Llama", json={"input_data": "하나"})
        model.refusal = Overloaded(1, 1, "queue")
        await client.post("/office/Llama", json={"input_data": "둘"})
        model.refusal, model.script = None, (errors.ModelFailed("broken"),)
        await client.post("/office/Llama", json={"input_data": "셋"})
        model.script = (errors.PromptTooLong(9, 8),)
        await client.post("/office/Llama", json={"input_data": "넷"})
        await client.post("/office/Llama", json={"input_data": ""})
        numbers = (await client.get("/office/performance")).json()
    assert numbers["total_requests"] == 4
    assert (numbers["successful_requests"], numbers["failed_requests"]) == (1, 1)
    assert (numbers["refused_requests"], numbers["cancelled_requests"]) == (2, 0)
    assert numbers["success_rate"] == 50.0
    assert numbers["active_requests"] == 0
    assert numbers["service_type"] == "office"
    assert (numbers["kv_used"], numbers["kv_total"], numbers["model"]) == (5, 100, "fake-model")
    assert all(place.released for place in model.places)
    assert meter.outcomes == [Outcome.SUCCESSFUL, Outcome.REFUSED, Outcome.FAILED, Outcome.REFUSED]


async def test_the_queue_of_a_service_is_that_of_all_its_models_each_counted_once() -> None:
    llama, foreign = FakeModel(), FakeModel()
    llama.waiting, foreign.waiting = 3, 4
    state = service_state(model=llama, foreign={"gpt4.1": foreign, "same": foreign})
    async with client_of(state) as client:
        numbers = (await client.get("/office/performance")).json()
    assert numbers["queue_size"] == state.chat.queue_size() == 7


async def test_rooms_are_listed_read_in_pages_exported_and_deleted() -> None:
    async with client_of(service_state()) as client:
        for number in range(3):
            await client.post(
                "/office/Llama", json={"input_data": f"질문 {number}", "user_id": "u", "db_id": ROOM}
            )
        rooms = (await client.get("/office/rooms", params={"user_id": "u"})).json()["rooms"]
        first = (await client.get(f"/office/rooms/{ROOM}", params={"user_id": "u", "limit": 2})).json()
        rest = (
            await client.get(f"/office/rooms/{ROOM}", params={"user_id": "u", "after": first["next_after"]})
        ).json()
        export = (await client.get("/office/rooms/export", params={"user_id": "u"})).json()
        others = await client.get(f"/office/rooms/{ROOM}", params={"user_id": "someone"})
        absent = await client.get(f"/office/rooms/{UUID(int=1)}", params={"user_id": "someone"})
        deleted = await client.delete(f"/office/rooms/{ROOM}", params={"user_id": "u"})
        gone = await client.delete(f"/office/rooms/{ROOM}", params={"user_id": "u"})
    assert [(room["db_id"], room["turns"]) for room in rooms] == [(ROOM, 3)]
    assert [turn["input_data"] for turn in first["turns"] + rest["turns"]] == ["질문 0", "질문 1", "질문 2"]
    assert (first["next_after"], rest["next_after"]) == (2, None)
    assert [turn["index"] for turn in export["rooms"][0]["turns"]] == [1, 2, 3]
    assert others.status_code == absent.status_code == 404
    assert others.json() == absent.json()
    assert deleted.json() == {"deleted": 3}
    assert gone.status_code == 404


async def test_probes_tell_loading_from_ready_and_stay_out_of_the_prefix() -> None:
    from chatbot.domain.models import ModelState

    model = FakeModel()
    model.state = ModelState.LOADING
    state = service_state(model=model)
    async with client_of(state) as client:
        assert (await client.get("/healthz")).status_code == 200
        loading = await client.get("/readyz")
        model.state = ModelState.READY
        ready = await client.get("/readyz")
        state.chat.draining = True
        draining = await client.get("/readyz")
        assert (await client.get("/office/healthz")).status_code == 404
    assert (loading.status_code, ready.status_code, draining.status_code) == (503, 200, 503)
    assert loading.headers["retry-after"] == "5"
