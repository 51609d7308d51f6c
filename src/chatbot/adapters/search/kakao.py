"""Kakao's (Daum) web document search: the second source for Korean.

Over its quota Kakao answers 400, not 429; the reason stands in the body's ``code``.
"""

from pydantic import SecretStr

from chatbot.adapters.search.fetcher import Fetcher, text
from chatbot.adapters.search.provider import RawHit
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome

_OVER_QUOTA = (-10, -11)
"""The free quota, and the paid one."""


class Kakao:
    """Kakao by REST API key."""

    name = "kakao"

    def __init__(self, fetcher: Fetcher, api_key: SecretStr, address: str = "https://dapi.kakao.com") -> None:
        self._fetcher = fetcher
        self._api_key = api_key
        self._url = f"{address}/v2/search/web"

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:  # noqa: ARG002
        """See Provider.search; Kakao takes no language."""
        reply = await self._fetcher.ask(
            "GET",
            self._url,
            params={"query": query, "size": limit},
            headers={"Authorization": f"KakaoAK {self._api_key.get_secret_value()}"},
        )
        if reply.body.get("code") in _OVER_QUOTA:
            raise reply.failure(SearchOutcome.RATE_LIMITED)
        reply.require_ok()
        return [
            RawHit(text(item, "title"), text(item, "url"), text(item, "contents"))
            for item in reply.items("documents")
        ]
