"""What the search providers send, each in its own format: results, nothing, and refusals."""

from typing import Any

from tests.search.local_server import Response, json_response

from chatbot.domain.search import SearchOutcome

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
