"""From configuration to a search: who is asked in which order, and which mistakes are refused at once."""

import asyncio
import logging
import sys
from threading import Event
from types import ModuleType

import pytest
from pydantic import SecretStr
from tests.search.local_server import Request, Response, json_response, running

from chatbot.adapters.search.opening import open_search
from chatbot.domain.config import SearchConfig
from chatbot.domain.errors import StartupError
from chatbot.domain.search import SearchOutcome

pytestmark = pytest.mark.anyio

KEY = SecretStr("canary-key")


def ignore(_: str, __: SearchOutcome) -> None:
    pass


async def test_by_default_only_wikipedia_is_asked() -> None:
    chain = open_search(SearchConfig(), ignore)
    assert chain.providers == {"ko": ("wikipedia",), "en": ("wikipedia",)}
    await chain.close()


async def test_the_order_follows_the_language() -> None:
    config = SearchConfig(
        naver_client_id=KEY,
        naver_client_secret=KEY,
        kakao_api_key=KEY,
        searxng_url="http://searxng:8080",
        tavily_api_key=KEY,
        brave_api_key=KEY,
        google_api_key=KEY,
        google_engine_id="cx",
    )
    chain = open_search(config, ignore)
    assert chain.providers == {
        "ko": ("naver", "kakao", "searxng", "tavily", "brave", "google", "wikipedia"),
        "en": ("tavily", "brave", "searxng", "google", "naver", "kakao", "wikipedia"),
    }
    await chain.close()


@pytest.mark.parametrize(
    "config",
    [
        SearchConfig(naver_client_id=KEY),
        SearchConfig(naver_client_secret=KEY),
        SearchConfig(google_api_key=KEY),
        SearchConfig(google_engine_id="cx"),
        SearchConfig(searxng_url="searxng:8080"),
        SearchConfig(kakao_api_key=SecretStr("canary-키")),
        SearchConfig(brave_api_key=SecretStr("canary\n")),
    ],
)
async def test_half_made_settings_are_refused_by_name(config: SearchConfig) -> None:
    with pytest.raises(StartupError, match="CHATBOT_SEARCH__") as caught:
        open_search(config, ignore)
    assert "canary" not in str(caught.value)


async def test_a_search_through_the_real_chain(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def searxng(request: Request) -> Response:
        assert request.query["q"] == "[가림] 인구"
        return json_response(
            {"results": [{"url": "https://seoul.go.kr/", "title": "서울", "content": "940만"}]}
        )

    outcomes: list[tuple[str, SearchOutcome]] = []
    async with running(searxng) as server:
        config = SearchConfig(searxng_url=server.address, wikipedia=False, contact="ops@example.kr")
        chain = open_search(
            config, lambda *told: outcomes.append(told), lambda text: text.replace("비밀", "[가림]")
        )
        result = await chain.search("비밀 인구", "ko", 5)
        await chain.close()
    assert [hit.snippet for hit in result.hits] == ["940만"]
    assert outcomes == [("searxng", SearchOutcome.OK)]
    assert "ops@example.kr" in server.requests[0].headers["user-agent"]
    assert "인구" not in caplog.text


async def test_ddgs_without_its_package_is_refused_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ddgs", None)
    with pytest.raises(StartupError, match="ddgs package is not installed"):
        open_search(SearchConfig(ddgs=True), ignore)


def install_ddgs(monkeypatch: pytest.MonkeyPatch, behave: str | Event) -> list[dict[str, object]]:
    """Stand in for the ddgs package, which needs the open web; its interface is that of 9.16.

    It hangs until an event is set, or behaves as the word says.
    """
    calls: list[dict[str, object]] = []
    package, exceptions = ModuleType("ddgs"), ModuleType("ddgs.exceptions")
    failure = type("DDGSException", (Exception,), {})

    class Stand:
        def __init__(self, *, timeout: int) -> None:
            assert timeout >= 1

        def text(self, query: str, **options: object) -> list[dict[str, str]]:
            calls.append({"query": query, **options})
            if behave == "fail":
                raise failure("No results found.")
            if behave == "time out":
                raise failure("operation timed out")
            if isinstance(behave, Event):
                behave.wait(60)
            return [{"title": "서울", "href": "https://seoul.go.kr/", "body": "수도"}]

    package.DDGS = Stand  # type: ignore[attr-defined]
    exceptions.DDGSException = failure  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ddgs", package)
    monkeypatch.setitem(sys.modules, "ddgs.exceptions", exceptions)
    return calls


@pytest.mark.parametrize(
    ("behave", "outcome"),
    [("answer", SearchOutcome.OK), ("fail", SearchOutcome.ERROR), ("time out", SearchOutcome.TIMEOUT)],
)
async def test_ddgs_runs_in_a_thread_with_named_engines(
    monkeypatch: pytest.MonkeyPatch, behave: str, outcome: SearchOutcome
) -> None:
    calls = install_ddgs(monkeypatch, behave)
    chain = open_search(SearchConfig(ddgs=True, wikipedia=False), ignore)
    result = await chain.search("서울", "ko", 5)
    await chain.close()
    assert (result.outcome, result.provider) == (outcome, "ddgs")
    assert calls == [
        {"query": "서울", "region": "kr-kr", "max_results": 8, "backend": "duckduckgo, brave, mojeek"}
    ]


async def test_a_hanging_ddgs_costs_its_budget_only(monkeypatch: pytest.MonkeyPatch) -> None:
    answering = Event()
    calls = install_ddgs(monkeypatch, answering)
    chain = open_search(SearchConfig(ddgs=True, wikipedia=False, budget_seconds=0.2), ignore)
    try:
        async with asyncio.timeout(30):
            result = await chain.search("서울", "ko", 5)
    finally:
        answering.set()
    assert (result.outcome, len(calls)) == (SearchOutcome.TIMEOUT, 1)
    await chain.close()
