"""What the predecessor did wrong, defect by defect (reference/product.md §1.8), and is not possible here.

Held elsewhere: 1 test_contract (the card is in the prompt once), 4 and 5 tests/history, 7 tests/search, 8
test_contract and test_openai_routes (X-Model, sampling), 10 tests/core/test_core (statistics), 11
tests/scheduling/test_scheduler (one more in the line never brings a newcomer forward), 12 tests/engine and
test_disconnect, 14 tests/history, 15 tests/engine/test_prompts and tests/redteam, 17 tests/privacy.
"""

import asyncio
import time
from pathlib import Path

import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.domain.errors import DeadlineExceeded, ModelFailed
from chatbot.domain.messages import Token
from chatbot.domain.search import SearchOutcome, SearchResult
from chatbot.domain.service_names import ServiceName
from chatbot.server.settings import load_settings
from chatbot.server.wiring import engine_configs
from chatbot.services.registry import SERVICES

pytestmark = pytest.mark.anyio

BODIES = {
    ServiceName("office"): {"input_data": "안녕"},
    ServiceName("character"): {
        "input_data": "안녕",
        "character_name": "미나",
        "greeting": "왔어?",
        "context": "조종사",
    },
}
of_each_service = pytest.mark.parametrize("service", list(SERVICES))


@of_each_service
async def test_2_3_history_reaches_the_prompt_of_either_service(service: ServiceName) -> None:
    model = FakeModel()
    async with client_of(service_state(service, model, history=MemoryHistory())) as client:
        body = {**BODIES[service], "user_id": "u", "db_id": "123e4567-e89b-12d3-a456-426614174000"}
        answers = [await client.post(f"/{service}/Llama", json=body) for _ in range(2)]
    assert [answer.json() for answer in answers] == ["안녕하세요"] * 2
    assert [(turn.question, turn.answer) for turn in model.conversations[1].exchanges] == [
        ("안녕", "안녕하세요")
    ]


@of_each_service
@pytest.mark.parametrize("text", ["네!", "1", "오류: 없음", "500: timeout"])
async def test_6_a_short_or_odd_answer_is_given_as_it_is(service: ServiceName, text: str) -> None:
    async with client_of(service_state(service, FakeModel(Token(text)))) as client:
        answer = await client.post(f"/{service}/Llama", json=BODIES[service])
    assert (answer.status_code, answer.json()) == (200, text)


@of_each_service
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RuntimeError("500: timeout, high load, 5분 초과, Queue is overloaded"), 500),
        (ModelFailed("429 Too Many Requests: timeout"), 500),
        (TimeoutError("no deadline of ours"), 500),
        (DeadlineExceeded("decode"), 504),
    ],
)
async def test_6_9_a_failure_is_told_by_its_class_and_never_by_its_words(
    service: ServiceName, error: Exception, status: int
) -> None:
    state = service_state(service, FakeModel(error))
    async with client_of(state) as client:
        answer = await client.post(f"/{service}/Llama", json=BODIES[service])
    assert answer.status_code == status
    assert set(answer.json()) == {"detail"}
    assert "timeout" not in answer.text
    assert "429" not in answer.text
    summary = state.chat.statistics.summary()
    assert (summary["failed_requests"], summary["success_rate"]) == (1, 0.0)


class SlowSearch:
    """A WebSearch whose provider never answers within the budget."""

    async def search(self, query: str, language: str, budget: float) -> SearchResult:
        """See WebSearch."""
        await asyncio.sleep(30)
        return SearchResult(SearchOutcome.TIMEOUT, "slow")

    async def close(self) -> None:
        """See WebSearch."""


async def test_13_a_slow_search_stalls_nobody_else() -> None:
    async with client_of(service_state(search=SlowSearch())) as client:
        slow = asyncio.create_task(
            client.post("/office/Llama", json={"input_data": "소식", "google_access": True})
        )
        await asyncio.sleep(0.05)
        begun = time.monotonic()
        quick = await client.post("/office/Llama", json={"input_data": "안녕"})
        assert quick.status_code == 200
        assert time.monotonic() - begun < 10
        assert not slow.done()
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)


def test_13_services_of_one_file_share_one_engine_and_others_have_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    names = tuple(SERVICES)
    for files, engines in ((("a.gguf", "./a.gguf"), 1), (("a.gguf", "b.gguf"), 2)):
        office, character = ({"model": file} for file in files)
        settings = load_settings({}, office={**office, "pool_tokens": 8192}, character=character)
        configs = engine_configs(settings, names, lambda _: None)
        assert len(set(configs.values())) == engines
    shared = engine_configs(
        load_settings({}, office={"model": "a.gguf", "parallel": 30}, character={"model": "a.gguf"}),
        names,
        lambda _: None,
    )
    assert shared[ServiceName("character")].parallel == 30


@pytest.mark.parametrize(
    "agent", ["curl/8.5.0", "Googlebot/2.1", "kube-probe/1.33", "UptimeRobot", "scanner", "", "Mozilla/5.0"]
)
async def test_16_a_client_s_name_opens_and_closes_nothing(agent: str) -> None:
    async with client_of(service_state()) as client:
        answer = await client.post(
            "/office/Llama", json={"input_data": "안녕"}, headers={"User-Agent": agent}
        )
        ready = await client.get("/readyz", headers={"User-Agent": agent})
    assert (answer.status_code, ready.status_code) == (200, 200)
