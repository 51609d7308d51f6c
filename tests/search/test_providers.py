"""Each provider against a local server that answers in that provider's own format."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from tests.search.local_server import LocalServer, Response, json_response, running
from tests.search.provider_answers import ANSWERS, EMPTY_ANSWERS, REFUSALS

from chatbot.adapters.search.brave import Brave
from chatbot.adapters.search.fetcher import Fetcher
from chatbot.adapters.search.google import Google
from chatbot.adapters.search.kakao import Kakao
from chatbot.adapters.search.naver import Naver
from chatbot.adapters.search.provider import Provider, ProviderFailed, RawHit
from chatbot.adapters.search.searxng import SearXNG
from chatbot.adapters.search.tavily import Tavily
from chatbot.adapters.search.wikipedia import Wikipedia, keywords
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome

pytestmark = pytest.mark.anyio


KEY = SecretStr("canary-key")


MAKERS: dict[str, Callable[[Fetcher, str], Provider]] = {
    "naver": lambda fetcher, url: Naver(fetcher, SecretStr("canary-id"), KEY, url),
    "kakao": lambda fetcher, url: Kakao(fetcher, KEY, url),
    "searxng": lambda fetcher, url: SearXNG(fetcher, url + "/"),
    "tavily": lambda fetcher, url: Tavily(fetcher, KEY, url),
    "brave": lambda fetcher, url: Brave(fetcher, KEY, url),
    "google": lambda fetcher, url: Google(fetcher, KEY, "engine", url),
    "wikipedia": lambda fetcher, url: Wikipedia(fetcher, url + "/{language}"),
}


@asynccontextmanager
async def provider_with(name: str, response: Response) -> AsyncIterator[tuple[Provider, LocalServer]]:
    fetcher = Fetcher("test")
    async with running(lambda _: response) as server:
        yield MAKERS[name](fetcher, server.address), server
    await fetcher.close()


async def outcome_of(call: Awaitable[list[RawHit]]) -> ProviderFailed:
    with pytest.raises(ProviderFailed) as caught:
        await call
    return caught.value


@pytest.mark.parametrize("name", MAKERS)
async def test_results_in_the_providers_own_format(name: str) -> None:
    async with provider_with(name, json_response(ANSWERS[name])) as (provider, _):
        assert provider.name == name
        assert await provider.search("서울", "ko", 5) == [
            RawHit("<b>서울</b>", "https://seoul.go.kr/", "수도 &amp; 도시"),
            RawHit("둘", "https://b.kr/", "…"),
        ]


@pytest.mark.parametrize("name", MAKERS)
async def test_nothing_found_is_no_failure(name: str) -> None:
    async with provider_with(name, json_response(EMPTY_ANSWERS[name])) as (provider, _):
        assert await provider.search("없는말", "ko", 5) == []


@pytest.mark.parametrize("name", MAKERS)
async def test_json_of_another_kind_is_an_error_not_an_empty_answer(name: str) -> None:
    async with provider_with(name, json_response({"hello": "world"})) as (provider, _):
        assert (await outcome_of(provider.search("q", "en", 5))).outcome is SearchOutcome.ERROR


JUNK: list[dict[str, Any]] = [
    {
        "results": [1, None],
        "items": [[]],
        "documents": [None],
        "web": {"results": ["x"]},
        "query": {"pages": [3]},
    },
    {"results": "x", "items": {}, "documents": 1, "web": 3, "query": []},
]


@pytest.mark.parametrize("name", MAKERS)
async def test_wrong_types_in_the_answer_are_left_out_or_refused(name: str) -> None:
    async with provider_with(name, json_response(JUNK[0])) as (provider, _):
        assert await provider.search("q", "en", 5) == []
    async with provider_with(name, json_response(JUNK[1])) as (provider, _):
        assert (await outcome_of(provider.search("q", "en", 5))).outcome is SearchOutcome.ERROR


@pytest.mark.parametrize(("name", "response", "outcome", "retry_after"), REFUSALS)
async def test_refusals_are_named(
    name: str, response: Response, outcome: SearchOutcome, retry_after: float | None
) -> None:
    async with provider_with(name, response) as (provider, _):
        failure = await outcome_of(provider.search("q", "ko", 5))
    assert (failure.outcome, failure.retry_after) == (outcome, retry_after)
    assert "canary" not in f"{failure} {failure!r}"


SENT: list[tuple[str, Language, str, dict[str, str], dict[str, str]]] = [
    (
        "naver",
        "ko",
        "/v1/search/webkr.json",
        {"query": "서울 인구", "display": "5"},
        {"x-naver-client-id": "canary-id", "x-naver-client-secret": "canary-key"},
    ),
    (
        "kakao",
        "ko",
        "/v2/search/web",
        {"query": "서울 인구", "size": "5"},
        {"authorization": "KakaoAK canary-key"},
    ),
    (
        "searxng",
        "ko",
        "/search",
        {"q": "서울 인구", "format": "json", "language": "ko-KR", "safesearch": "1"},
        {"accept-language": "en"},
    ),
    (
        "brave",
        "en",
        "/res/v1/web/search",
        {"q": "서울 인구", "count": "5", "country": "US", "search_lang": "en"},
        {"x-subscription-token": "canary-key"},
    ),
    (
        "google",
        "ko",
        "/customsearch/v1",
        {"q": "서울 인구", "cx": "engine", "num": "5", "hl": "ko"},
        {"x-goog-api-key": "canary-key"},
    ),
    ("wikipedia", "ko", "/ko/w/api.php", {"gsrsearch": "서울 인구", "gsrlimit": "5", "format": "json"}, {}),
]


@pytest.mark.parametrize(("name", "language", "path", "query", "headers"), SENT)
async def test_what_is_sent(
    name: str, language: Language, path: str, query: dict[str, str], headers: dict[str, str]
) -> None:
    async with provider_with(name, json_response(ANSWERS[name])) as (provider, server):
        await provider.search("서울 인구", language, 5)
    (request,) = server.requests
    assert request.path == path
    assert request.query.items() >= query.items()
    assert request.headers.items() >= headers.items()
    assert "canary" not in request.target
    assert "cookie" not in request.headers


async def test_tavily_sends_a_body_and_prefers_korea_for_korean() -> None:
    async with provider_with("tavily", json_response(ANSWERS["tavily"])) as (provider, server):
        await provider.search("서울" * 300, "ko", 5)
        await provider.search("seoul", "en", 5)
    korean, english = (request.json for request in server.requests)
    assert korean["country"] == "south korea"
    assert len(korean["query"]) == 400
    assert "country" not in english
    assert server.requests[0].headers["authorization"] == "Bearer canary-key"


@pytest.mark.parametrize(
    ("question", "language", "sought"),
    [
        ("대한민국의 수도는 어디인가요?", "ko", "대한민국의 수도는"),
        ("쿠버네티스에 대해 설명해줘!", "ko", "쿠버네티스에"),
        ("What is the capital of South Korea?", "en", "capital South Korea"),
        ("뭐야?", "ko", "뭐야"),
        ("???", "ko", "???"),
    ],
)
def test_wikipedia_is_asked_for_the_subject(question: str, language: Language, sought: str) -> None:
    assert keywords(question, language) == sought
