"""Google's Programmable Search JSON API, for those who still have it: it closes on 2027-01-01."""

from pydantic import SecretStr

from chatbot.adapters.search.fetcher import FetchedReply, Fetcher, dig, text
from chatbot.adapters.search.provider import RawHit
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome


class Google:
    """Google by API key and engine id. The key travels as a header, never in the address."""

    name = "google"

    def __init__(
        self,
        fetcher: Fetcher,
        api_key: SecretStr,
        engine_id: str,
        address: str = "https://www.googleapis.com",
    ) -> None:
        self._fetcher = fetcher
        self._api_key = api_key
        self._engine_id = engine_id
        self._url = f"{address}/customsearch/v1"

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:
        """See Provider.search."""
        reply = await self._fetcher.ask(
            "GET",
            self._url,
            params={"q": query, "cx": self._engine_id, "num": min(limit, 10), "hl": language},
            headers={"X-Goog-Api-Key": self._api_key.get_secret_value()},
        )
        _refuse(reply)
        if "items" not in reply.body and dig(reply.body, "searchInformation", "totalResults") == "0":
            return []
        return [
            RawHit(text(item, "title"), text(item, "link"), text(item, "snippet"))
            for item in reply.items("items")
        ]


def _refuse(reply: FetchedReply) -> None:
    if reply.status == 200:
        return
    said = str(reply.body.get("error")).lower()
    if "quota" in said or "limitexceeded" in said:
        raise reply.failure(SearchOutcome.RATE_LIMITED)
    if "api key" in said or "keyinvalid" in said or "api_key_invalid" in said:
        raise reply.failure(SearchOutcome.AUTH)
    raise reply.failure()
