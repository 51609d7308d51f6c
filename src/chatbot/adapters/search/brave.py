"""Brave's own index, by key. A wrong key is 422; a used-up limit names its end in X-RateLimit-Reset."""

from pydantic import SecretStr

from chatbot.adapters.search.fetcher import FetchedReply, Fetcher, dig, text
from chatbot.adapters.search.provider import ProviderFailed, RawHit
from chatbot.domain.language import Language
from chatbot.domain.retry_after import parse_seconds
from chatbot.domain.search import SearchOutcome

_MAX_QUERY_CHARS = 400
_MAX_QUERY_WORDS = 50
_COUNTRIES: dict[Language, str] = {"ko": "KR", "en": "US"}


class Brave:
    """Brave by subscription token."""

    name = "brave"

    def __init__(
        self, fetcher: Fetcher, api_key: SecretStr, address: str = "https://api.search.brave.com"
    ) -> None:
        self._fetcher = fetcher
        self._api_key = api_key
        self._url = f"{address}/res/v1/web/search"

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:
        """See Provider.search."""
        reply = await self._fetcher.ask(
            "GET",
            self._url,
            params={
                "q": " ".join(query[:_MAX_QUERY_CHARS].split()[:_MAX_QUERY_WORDS]),
                "count": limit,
                "country": _COUNTRIES[language],
                "search_lang": language,
                "result_filter": "web",
                "text_decorations": "false",
            },
            headers={"X-Subscription-Token": self._api_key.get_secret_value()},
        )
        _refuse(reply)
        if "web" not in reply.body and reply.body.get("type") == "search":
            return []
        return [
            RawHit(text(item, "title"), text(item, "url"), text(item, "description"))
            for item in reply.items("web", "results")
        ]


def _refuse(reply: FetchedReply) -> None:
    if reply.status == 422 and "TOKEN" in str(dig(reply.body, "error", "code")):
        raise reply.failure(SearchOutcome.AUTH)
    if reply.status == 429 and "retry-after" not in reply.headers:
        raise ProviderFailed(SearchOutcome.RATE_LIMITED, "status 429", _reset(reply))
    reply.require_ok()


def _reset(reply: FetchedReply) -> float | None:
    """Seconds until the last of the used-up limits starts anew; the headers list one number a limit."""
    remaining = reply.headers.get("x-ratelimit-remaining", "").split(",")
    resets = reply.headers.get("x-ratelimit-reset", "").split(",")
    waits = [
        parse_seconds(seconds.strip())
        for left, seconds in zip(remaining, resets, strict=False)
        if left.strip() == "0"
    ]
    return max((wait for wait in waits if wait is not None), default=None)
