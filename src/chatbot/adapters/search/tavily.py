"""Tavily: search made for language models, by key; 432 and 433 mean that the plan's credits are used up."""

from pydantic import SecretStr

from chatbot.adapters.search.fetcher import Fetcher, text
from chatbot.adapters.search.provider import RawHit
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome

_MAX_QUERY_CHARS = 400


class Tavily:
    """Tavily by API key."""

    name = "tavily"

    def __init__(self, fetcher: Fetcher, api_key: SecretStr, address: str = "https://api.tavily.com") -> None:
        self._fetcher = fetcher
        self._api_key = api_key
        self._url = f"{address}/search"

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:
        """See Provider.search; for Korean, pages from Korea are preferred."""
        payload: dict[str, object] = {
            "query": query[:_MAX_QUERY_CHARS],
            "max_results": limit,
            "search_depth": "basic",
        }
        if language == "ko":
            payload["country"] = "south korea"
        reply = await self._fetcher.ask(
            "POST",
            self._url,
            payload=payload,
            headers={"Authorization": f"Bearer {self._api_key.get_secret_value()}"},
        )
        if reply.status in (432, 433):
            raise reply.failure(SearchOutcome.RATE_LIMITED)
        reply.require_ok()
        return [
            RawHit(text(item, "title"), text(item, "url"), text(item, "content"))
            for item in reply.items("results")
        ]
