"""Naver's web document search: the best source for Korean; 25,000 questions a day for one key."""

from pydantic import SecretStr

from chatbot.adapters.search.fetcher import Fetcher, text
from chatbot.adapters.search.provider import RawHit
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome

_OVER_QUOTA = ("010", "012")


class Naver:
    """Naver by client id and secret."""

    name = "naver"

    def __init__(
        self,
        fetcher: Fetcher,
        client_id: SecretStr,
        client_secret: SecretStr,
        address: str = "https://openapi.naver.com",
    ) -> None:
        self._fetcher = fetcher
        self._client_id = client_id
        self._client_secret = client_secret
        self._url = f"{address}/v1/search/webkr.json"

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:  # noqa: ARG002
        """See Provider.search; Naver takes no language."""
        reply = await self._fetcher.ask(
            "GET",
            self._url,
            params={"query": query, "display": limit},
            headers={
                "X-Naver-Client-Id": self._client_id.get_secret_value(),
                "X-Naver-Client-Secret": self._client_secret.get_secret_value(),
            },
        )
        if text(reply.body, "errorCode") in _OVER_QUOTA:
            raise reply.failure(SearchOutcome.RATE_LIMITED)
        reply.require_ok()
        return [
            RawHit(text(item, "title"), text(item, "link"), text(item, "description"))
            for item in reply.items("items")
        ]
