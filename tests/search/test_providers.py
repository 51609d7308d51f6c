"""Each provider against a local server that answers in that provider's own format."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr
from tests.search.local_server import LocalServer, Response, json_response, running

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

ANSWERS: dict[str, Any] = {
    "naver": {
        "lastBuildDate": "Sun, 22 Nov 2026 18:00:00 +0900",
        "total": 2,
        "start": 1,
        "display": 2,
        "items": [
            {"title": "<b>서울</b>", "link": "https://seoul.go.kr/", "description": "수도 &amp; 도시"},
            {"title": "둘", "link": "https://b.kr/", "description": "…"},
        ],
    },
    "kakao": {
        "meta": {"total_count": 2, "pageable_count": 2, "is_end": True},
        "documents": [
            {
                "title": "<b>서울</b>",
                "contents": "수도 &amp; 도시",
                "url": "https://seoul.go.kr/",
                "datetime": "2026-11-01T00:00:00.000+09:00",
            },
            {"title": "둘", "contents": "…", "url": "https://b.kr/", "datetime": None},
        ],
    },
    "searxng": {
        "query": "서울",
        "number_of_results": 0,
        "results": [
            {
                "url": "https://seoul.go.kr/",
                "title": "<b>서울</b>",
                "content": "수도 &amp; 도시",
                "engine": "naver",
            },
            {"url": "https://b.kr/", "title": "둘", "content": "…", "engine": "naver"},
        ],
        "answers": [],
        "unresponsive_engines": [["brave", "too many requests"]],
    },
    "tavily": {
        "query": "서울",
        "answer": None,
        "results": [
            {
                "title": "<b>서울</b>",
                "url": "https://seoul.go.kr/",
                "content": "수도 &amp; 도시",
                "score": 0.9,
            },
            {"title": "둘", "url": "https://b.kr/", "content": "…", "score": 0.5},
        ],
        "response_time": 0.8,
    },
    "brave": {
        "type": "search",
        "web": {
            "type": "search",
            "results": [
                {"title": "<b>서울</b>", "url": "https://seoul.go.kr/", "description": "수도 &amp; 도시"},
                {"title": "둘", "url": "https://b.kr/", "description": "…"},
            ],
        },
    },
    "google": {
        "kind": "customsearch#search",
        "searchInformation": {"totalResults": "2"},
        "items": [
            {"title": "<b>서울</b>", "link": "https://seoul.go.kr/", "snippet": "수도 &amp; 도시"},
            {"title": "둘", "link": "https://b.kr/", "snippet": "…"},
        ],
    },
    "wikipedia": {
        "batchcomplete": True,
        "query": {
            "pages": [
                {"pageid": 2, "title": "둘", "index": 2, "extract": "…", "fullurl": "https://b.kr/"},
                {
                    "pageid": 1,
                    "title": "<b>서울</b>",
                    "index": 1,
                    "extract": "수도 &amp; 도시",
                    "fullurl": "https://seoul.go.kr/",
                },
            ]
        },
    },
}

EMPTY_ANSWERS: dict[str, Any] = {
    "naver": {"total": 0, "start": 1, "display": 0, "items": []},
    "kakao": {"meta": {"total_count": 0, "is_end": True}, "documents": []},
    "searxng": {"query": "x", "results": [], "unresponsive_engines": []},
    "tavily": {"query": "x", "results": []},
    "brave": {"type": "search", "query": {"original": "x"}},
    "google": {"kind": "customsearch#search", "searchInformation": {"totalResults": "0"}},
    "wikipedia": {"batchcomplete": True},
}

REFUSALS: list[tuple[str, Response, SearchOutcome, float | None]] = [
    (
        "naver",
        json_response({"errorMessage": "한도 초과", "errorCode": "010"}, 429),
        SearchOutcome.RATE_LIMITED,
        None,
    ),
    (
        "naver",
        json_response({"errorMessage": "x", "errorCode": "012"}, 403),
        SearchOutcome.RATE_LIMITED,
        None,
    ),
    (
        "naver",
        json_response({"errorMessage": "인증 실패", "errorCode": "024"}, 401),
        SearchOutcome.AUTH,
        None,
    ),
    ("naver", json_response({"errorMessage": "x", "errorCode": "SE01"}, 400), SearchOutcome.ERROR, None),
    (
        "kakao",
        json_response({"code": -10, "msg": "API limit has been exceeded."}, 400),
        SearchOutcome.RATE_LIMITED,
        None,
    ),
    ("kakao", json_response({"code": -2, "msg": "wrong size"}, 400), SearchOutcome.ERROR, None),
    (
        "kakao",
        json_response({"errorType": "AccessDeniedError", "message": "x"}, 401),
        SearchOutcome.AUTH,
        None,
    ),
    ("searxng", Response(b"<h1>Forbidden</h1>", 403, content_type="text/html"), SearchOutcome.AUTH, None),
    (
        "searxng",
        json_response({"results": [], "unresponsive_engines": [["naver", "CAPTCHA"]]}),
        SearchOutcome.BLOCKED,
        None,
    ),
    (
        "searxng",
        json_response({"results": [], "unresponsive_engines": [["a", "Suspended: too many requests"]]}),
        SearchOutcome.RATE_LIMITED,
        None,
    ),
    (
        "searxng",
        json_response({"results": [], "unresponsive_engines": [["a", "timeout"]]}),
        SearchOutcome.TIMEOUT,
        None,
    ),
    (
        "searxng",
        json_response({"results": [], "unresponsive_engines": [["a", "crash"]]}),
        SearchOutcome.ERROR,
        None,
    ),
    ("tavily", json_response({"detail": {"error": "Unauthorized"}}, 401), SearchOutcome.AUTH, None),
    ("tavily", json_response({"detail": {"error": "over plan"}}, 432), SearchOutcome.RATE_LIMITED, None),
    (
        "tavily",
        json_response({"detail": {"error": "x"}}, 429, retry_after="17"),
        SearchOutcome.RATE_LIMITED,
        17,
    ),
    (
        "brave",
        json_response({"type": "ErrorResponse", "error": {"code": "SUBSCRIPTION_TOKEN_INVALID"}}, 422),
        SearchOutcome.AUTH,
        None,
    ),
    (
        "brave",
        json_response(
            {"type": "ErrorResponse", "error": {"code": "RATE_LIMITED"}},
            429,
            x_ratelimit_remaining="0, 1000",
            x_ratelimit_reset="1, 1419704",
        ),
        SearchOutcome.RATE_LIMITED,
        1,
    ),
    (
        "google",
        json_response(
            {"error": {"code": 429, "message": "Quota exceeded", "status": "RESOURCE_EXHAUSTED"}}, 429
        ),
        SearchOutcome.RATE_LIMITED,
        None,
    ),
    (
        "google",
        json_response({"error": {"code": 403, "errors": [{"reason": "dailyLimitExceeded"}]}}, 403),
        SearchOutcome.RATE_LIMITED,
        None,
    ),
    (
        "google",
        json_response({"error": {"code": 400, "message": "API key not valid."}}, 400),
        SearchOutcome.AUTH,
        None,
    ),
    (
        "google",
        json_response({"error": {"code": 403, "message": "closed to new customers"}}, 403),
        SearchOutcome.AUTH,
        None,
    ),
    (
        "wikipedia",
        json_response({"error": {"code": "ratelimited", "info": "x"}}),
        SearchOutcome.RATE_LIMITED,
        None,
    ),
    (
        "wikipedia",
        json_response({"error": {"code": "cirrussearch-too-busy-error"}}),
        SearchOutcome.ERROR,
        None,
    ),
    (
        "wikipedia",
        Response(b"Too many requests", 429, {"retry-after": "5"}, "text/plain"),
        SearchOutcome.RATE_LIMITED,
        5,
    ),
]


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
