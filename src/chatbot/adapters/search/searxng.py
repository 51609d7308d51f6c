"""An own SearXNG. Its engines fail one by one, and the answer says which: no result is not yet "empty"."""

from chatbot.adapters.search.fetcher import FetchedReply, Fetcher, text
from chatbot.adapters.search.provider import ProviderFailed, RawHit
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome

_LOCALES: dict[Language, str] = {"ko": "ko-KR", "en": "en-US"}

_REASONS = {
    "captcha": SearchOutcome.BLOCKED,
    "access denied": SearchOutcome.BLOCKED,
    "too many requests": SearchOutcome.RATE_LIMITED,
    "timeout": SearchOutcome.TIMEOUT,
}
"""SearXNG's words for why an engine failed, in the language that we ask for."""


class SearXNG:
    """SearXNG by address; ``json`` must be among its ``search.formats``, else it answers 403."""

    name = "searxng"

    def __init__(self, fetcher: Fetcher, address: str) -> None:
        self._fetcher = fetcher
        self._url = f"{address.rstrip('/')}/search"

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:
        """See Provider.search."""
        reply = await self._fetcher.ask(
            "GET",
            self._url,
            params={"q": query, "format": "json", "language": _LOCALES[language], "safesearch": 1},
            headers={"Accept-Language": "en"},
        )
        reply.require_ok()
        items = reply.items("results")
        if not items:
            _require_all_engines(reply)
        return [
            RawHit(text(item, "title"), text(item, "url"), text(item, "content")) for item in items[:limit]
        ]


def _require_all_engines(reply: FetchedReply) -> None:
    """Raise if an engine gave no answer: then nobody knows whether there are results."""
    failures = reply.body.get("unresponsive_engines")
    if not isinstance(failures, list) or not failures:
        return
    said = " ".join(str(failure) for failure in failures).lower()
    outcome = next((kind for words, kind in _REASONS.items() if words in said), SearchOutcome.ERROR)
    raise ProviderFailed(outcome, f"{len(failures)} engines did not answer")
