"""A question with every search provider down: over real HTTP the answer still comes, and all are told."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr
from tests.search.local_server import LocalServer, Response, json_response, running
from tests.support.fakes import FakeModel, service_state
from tests.support.serving import serving

from chatbot.adapters.search.brave import Brave
from chatbot.adapters.search.chain import Chain
from chatbot.adapters.search.fetcher import Fetcher
from chatbot.adapters.search.google import Google
from chatbot.adapters.search.kakao import Kakao
from chatbot.adapters.search.naver import Naver
from chatbot.adapters.search.opening import ORDER
from chatbot.adapters.search.race import RaceTiming
from chatbot.adapters.search.searxng import SearXNG
from chatbot.adapters.search.tavily import Tavily
from chatbot.adapters.search.wikipedia import Wikipedia
from chatbot.api.app import create_app
from chatbot.core.citations import LINK_BYTES, failure_line
from chatbot.domain.language import language_of
from chatbot.domain.search import SearchOutcome, SearchResult

pytestmark = pytest.mark.anyio

KEY = SecretStr("key")
KOREAN, ENGLISH = "오늘 서울의 날씨는?", "What is the weather in Seoul today?"
STREAM = {"Accept": "text/event-stream"}


def everybody(fetcher: Fetcher, address: str, budget: float) -> Chain:
    """All providers by HTTP, in the order of the suite, at one address, for so many seconds in all."""
    providers = {
        each.name: each
        for each in (
            Naver(fetcher, KEY, KEY, address),
            Kakao(fetcher, KEY, address),
            SearXNG(fetcher, address),
            Tavily(fetcher, KEY, address),
            Brave(fetcher, KEY, address),
            Google(fetcher, KEY, "engine", address),
            Wikipedia(fetcher, address),
        )
    }
    order = {
        language: [providers[name] for name in names if name in providers]
        for language, names in ORDER.items()
    }
    return Chain(
        order, lambda *_: None, fetcher.close, budget=budget, cache_seconds=60, pace=RaceTiming(0.4, 0.1)
    )


@asynccontextmanager
async def office(
    server: LocalServer, model: FakeModel, *, patience: float = 20.0
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an office that waits so many seconds for a provider."""
    chain = everybody(Fetcher("test", timeout=patience), server.address, budget=5 * patience)
    foreign = {"gpt4.1": model}
    async with (
        serving(create_app(service_state(model=model, foreign=foreign, search=chain))) as url,
        httpx.AsyncClient(base_url=url, timeout=30) as client,
    ):
        yield client
        await chain.close()


CAPTCHA = b"<html><body><form id='challenge-form' action='captcha'></form></body></html>"
DOWN: dict[str, tuple[Callable[[], Response], set[SearchOutcome]]] = {
    "500": (lambda: Response(b"oops", 500), {SearchOutcome.ERROR}),
    "429": (lambda: json_response({}, 429, retry_after="30"), {SearchOutcome.RATE_LIMITED}),
    "401": (lambda: json_response({}, 401), {SearchOutcome.AUTH}),
    "captcha": (lambda: Response(CAPTCHA, content_type="text/html"), {SearchOutcome.BLOCKED}),
    "html": (lambda: Response(b"<html>hello</html>", content_type="text/html"), {SearchOutcome.ERROR}),
    "garbage": (lambda: json_response({"items": 3, "query": [], "results": None}), {SearchOutcome.ERROR}),
    "silence": (lambda: Response(delay=20), {SearchOutcome.TIMEOUT}),
    "redirect": (lambda: Response(b"", 302, {"location": "http://169.254.169.254/"}), {SearchOutcome.ERROR}),
}


@pytest.mark.parametrize("kind", DOWN)
async def test_every_provider_down_costs_no_answer_and_is_told(kind: str) -> None:
    response, outcomes = DOWN[kind]
    model = FakeModel()
    # Only where nothing comes is a wait short: on a busy machine an answer may take longer than that.
    patience = 0.4 if kind == "silence" else 20.0
    async with (
        running(lambda _: response()) as server,
        office(server, model, patience=patience) as client,
    ):
        for path, question, headers in (
            ("/office/Llama", KOREAN, {}),
            ("/office/Llama", ENGLISH, STREAM),
            ("/office/gpt4.1", KOREAN, {}),
        ):
            body = {"input_data": question, "google_access": True}
            answer = await client.post(path, json=body, headers=headers)
            assert answer.status_code == 200
            assert "link" not in answer.headers
            if headers:
                done = json.loads(answer.text.rpartition("event: done\ndata: ")[2])
                status, sources = done["search_status"], done["sources"]
                assert sources == []
            else:
                status = answer.headers["x-search-status"]
                assert answer.json() == "안녕하세요"
            assert SearchOutcome(status) in outcomes
            conversation = model.conversations[-1]
            told = failure_line(SearchResult(SearchOutcome(status), "x"), language_of(question))
            assert conversation.user_text == f"{told}\n\n{question}"
            assert told not in conversation.system_text
    assert server.requests, "nobody was asked, so nobody was down"


async def test_nobody_listening_costs_no_answer_and_is_told() -> None:
    async with running(lambda _: Response()) as server:
        pass
    async with office(server, FakeModel()) as client:
        answer = await client.post("/office/Llama", json={"input_data": KOREAN, "google_access": True})
    assert (answer.status_code, answer.headers["x-search-status"]) == (200, "error")


async def test_a_service_without_any_provider_says_so() -> None:
    async def nothing() -> None: ...

    chain = Chain({"ko": [], "en": []}, lambda *_: None, nothing, budget=1, cache_seconds=1)
    model = FakeModel()
    async with (
        serving(create_app(service_state(model=model, search=chain))) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):
        answer = await client.post("/office/Llama", json={"input_data": KOREAN, "google_access": True})
    assert (answer.status_code, answer.headers["x-search-status"]) == (200, "error")
    assert "실패" in model.conversations[0].user_text


async def test_whatever_is_found_the_headers_are_short_and_ascii() -> None:
    hostile = [
        {
            "title": f"<b>제목 {number}</b>\r\nSet-Cookie: a=b\r\n\r\n" + "긴" * 400,
            "link": f"https://example{number}.com/한글/" + "가" * 60 + "?q=a b>,<",
            "description": "본문 " * 300,
        }
        for number in range(8)
    ]
    async with (
        running(lambda _: json_response({"items": hostile})) as server,
        office(server, FakeModel()) as client,
    ):
        answer = await client.post("/office/Llama", json={"input_data": KOREAN, "google_access": True})
    assert answer.headers["x-search-status"] == "ok"
    raw = {name.lower(): value for name, value in answer.headers.raw}
    assert 100 < len(raw[b"link"]) <= LINK_BYTES
    assert all(value.isascii() and value.decode().isprintable() for value in raw.values())
    assert sum(len(name) + len(value) + 4 for name, value in raw.items()) < 8192
    assert b"set-cookie" not in raw
    targets = re.findall(r'<(https://[^<>]+)>; rel="related"', raw[b"link"].decode())
    assert [target[:20] for target in targets] == [f"https://example{n}.com" for n in range(len(targets))]
    assert len(targets) >= 3
