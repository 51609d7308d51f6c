"""The walking product: the original's requests, twenty users at once, clients that leave, for real."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from tests.system.running_suite import RunningSuite, running_suite

from chatbot.domain.language import is_hangul

pytestmark = [pytest.mark.anyio, pytest.mark.real_model, pytest.mark.timeout(240), pytest.mark.slow]

STREAM = {"Accept": "text/event-stream"}
QUESTIONS = (
    "안녕하세요!",
    "대한민국의 수도는 어디인가요?",
    "회의록을 쓸 때 무엇이 중요한가요?",
    "이메일을 정중하게 시작하는 방법을 알려 주세요.",
    "오늘 할 일을 정리하는 방법을 알려 주세요.",
    "김치는 어떤 음식인가요?",
    "보고서의 첫 문장은 어떻게 쓰나요?",
    "바다는 왜 파란가요?",
    "좋은 팀장은 어떤 사람인가요?",
    "휴가 신청은 어떻게 하나요?",
    "봄에는 어떤 꽃이 피나요?",
    "책을 많이 읽으면 무엇이 좋은가요?",
    "한글은 누가 만들었나요?",
    "점심으로 무엇을 먹으면 좋을까요?",
    "발표를 잘하려면 어떻게 해야 하나요?",
    "커피를 너무 많이 마시면 어떻게 되나요?",
    "서울에서 부산까지 어떻게 가나요?",
    "시간을 아끼는 방법이 있나요?",
    "고객에게 사과하는 글을 써 주세요.",
    "겨울에 감기를 막으려면 어떻게 하나요?",
)
ROLE_LABEL = re.compile(r"^\s*(사용자|비서|User|Assistant|Rachel)\s*[:：]", re.MULTILINE)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSuite]:
    with running_suite(tmp_path_factory.mktemp("suite"), CHATBOT_OFFICE__MAX_TOKENS="48") as running:
        yield running


def _client(suite: RunningSuite) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=suite.gateway,
        timeout=200,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
    )


async def test_the_original_s_office_request_is_answered_in_korean(suite: RunningSuite) -> None:
    async with _client(suite) as client:
        body = {"input_data": "안녕하세요!", "user_id": "test_user"}
        answer = await client.post("/office/Llama", json=body)
    assert answer.status_code == 200
    text = answer.json()
    assert isinstance(text, str)
    assert any(map(is_hangul, text))


async def test_the_original_s_character_request_is_answered_and_remembered(suite: RunningSuite) -> None:
    room = str(uuid4())
    body = {
        "input_data": "*I wave at Rachel with a smile.*",
        "character_name": "Rachel",
        "greeting": "*Rachel looks up from her book.* Oh, hello there!",
        "context": "Rachel is a 29-year-old librarian with a dry wit and a love of old maps.",
        "user_id": "test_user",
        "db_id": room,
    }
    async with _client(suite) as client:
        first = await client.post("/character/Llama", json=body, headers={"X-Prompt-Report": "1"})
        second = await client.post("/character/Llama", json=body, headers={"X-Prompt-Report": "1"})
        stored = (await client.get(f"/character/rooms/{room}", params={"user_id": "test_user"})).json()
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json().strip()
    assert [turn["output_data"] for turn in stored["turns"]] == [first.json(), second.json()]
    assert json.loads(second.headers["x-prompt-report"])["kept_turns"] == [1]
    assert not ROLE_LABEL.search(first.json())


async def _all_at_once(suite: RunningSuite, questions: Sequence[str]) -> list[str]:
    async with _client(suite) as client:
        answers = await asyncio.gather(
            *(client.post("/office/Llama", json={"input_data": question}) for question in questions)
        )
    assert [answer.status_code for answer in answers] == [200] * len(questions)
    return [answer.json() for answer in answers]


async def test_twenty_korean_questions_are_answered_in_korean_and_by_nobody_else(suite: RunningSuite) -> None:
    texts = await _all_at_once(suite, QUESTIONS)
    assert all(text.strip() for text in texts)
    letters = [letter for text in texts for letter in text if letter.isalpha()]
    assert sum(map(is_hangul, letters)) >= 0.9 * len(letters)
    assert not any(ROLE_LABEL.search(text) for text in texts)


async def test_the_counters_agree_with_what_was_sent(suite: RunningSuite) -> None:
    async with _client(suite) as client:
        before = (await client.get("/office/performance")).json()
        counted_before = suite.metric("chatbot_requests_total", service="office", outcome="successful")
        for _ in range(3):
            assert (await client.post("/office/Llama", json={"input_data": "네?"})).status_code == 200
        assert (await client.post("/office/Llama", json={"input_data": ""})).status_code == 422
        after = (await client.get("/office/performance")).json()
    assert after["total_requests"] - before["total_requests"] == 3
    assert after["successful_requests"] - before["successful_requests"] == 3
    counted = suite.metric("chatbot_requests_total", service="office", outcome="successful")
    assert counted - counted_before == 3
    assert counted == after["successful_requests"]
    assert after["model"] == "gemma3-270m"
    assert 0 <= after["kv_used"] <= after["kv_total"]


@pytest.mark.parametrize("headers", [{}, STREAM], ids=["plain", "stream"])
async def test_closing_the_connection_frees_the_place_within_a_second(
    suite: RunningSuite, headers: dict[str, str]
) -> None:
    body = {
        "input_data": "Tell me a very long story about the sea.",
        "character_name": "Sailor",
        "greeting": "Ahoy!",
        "context": "An old sailor who never stops talking.",
    }
    async with _client(suite) as client:
        asking = [
            asyncio.create_task(client.post("/character/Llama", json=body, headers=headers)) for _ in range(3)
        ]
        while suite.metric("chatbot_active_requests", service="character") < 3:
            await asyncio.sleep(0.02)
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await asyncio.to_thread(suite.wait_idle, 1.0)
        assert suite.metric("chatbot_active_requests", service="character") == 0


async def test_the_end_of_a_stream_tells_the_model_its_usage_and_the_prompt_s_parts(
    suite: RunningSuite,
) -> None:
    async with _client(suite) as client:
        body = {"input_data": "안녕", "user_id": "u"}
        answer = await client.post("/office/Llama", json=body, headers=STREAM | {"X-Prompt-Report": "1"})
    done = json.loads(answer.text.rsplit("data: ", 1)[1])
    assert done["model"] == "gemma3-270m"
    assert 0 < done["usage"]["completion_tokens"] <= 48
    assert done["prompt_report"]["tokens"]


def test_it_answered_its_probes_while_the_model_was_loaded(suite: RunningSuite) -> None:
    assert set(suite.states) == {"loading"}


async def test_other_paths_are_the_gateway_s_404_and_probes_are_not_routed(suite: RunningSuite) -> None:
    async with _client(suite) as client:
        page = await client.get("/nowhere", headers={"Accept": "text/html"})
        data = await client.post("/office-less/Llama", json={})
        probe = await client.get("/healthz")
        redirect = await client.get("/office")
        inner = await client.get("/office/nowhere")
    assert (page.status_code, data.status_code, probe.status_code, inner.status_code) == (404, 404, 404, 404)
    assert page.text.index("/office/") < page.text.index("/office/docs")
    assert data.headers["content-type"] == "application/json"
    assert (redirect.status_code, redirect.headers["location"]) == (308, "/office/")
    assert httpx.get(f"{suite.office}/healthz").status_code == 200
    assert httpx.get(f"{suite.character}/character/performance").status_code == 200


def test_no_chat_text_reached_the_log(suite: RunningSuite) -> None:
    async def ask() -> None:
        async with _client(suite) as client:
            canary = {"input_data": "canary-question 안녕", "user_id": "canary-user"}
            await client.post("/office/Llama", json=canary)
            await client.post("/office/Llama", json={**canary, "db_id": "canary-room"})
            await client.get("/office/rooms", params={"user_id": "canary-user"})

    asyncio.run(ask())
    text = Path(suite.log).read_text()
    assert '"path": "/office/Llama"' in text
    assert "canary" not in text
