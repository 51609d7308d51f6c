"""DuckDuckGo and others through the ddgs package, by choice and not installed by default.

The package is synchronous, so it has threads of its own; it reports a refusal, a CAPTCHA and a true "nothing
found" alike, so an empty answer counts as a failure. Its engines are named, because "auto" asks Wikipedia
first and sends Korean to a host that does not exist.
"""

import asyncio
import importlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from chatbot.adapters.search.provider import ProviderFailed, RawHit
from chatbot.domain.errors import StartupError
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome

_ENGINES = "duckduckgo, brave, mojeek"
_REGIONS: dict[Language, str] = {"ko": "kr-kr", "en": "us-en"}


class DDGS:
    """The ddgs package; at most two searches at a time, each given up after ``timeout`` seconds."""

    name = "ddgs"

    def __init__(self, timeout: float = 2.5) -> None:
        try:
            package = importlib.import_module("ddgs")
        except ImportError:
            raise StartupError(
                "CHATBOT_SEARCH__DDGS is on but the ddgs package is not installed: "
                "install ddgs or switch the setting off."
            ) from None
        self._open = package.DDGS
        self._failed: type[Exception] = importlib.import_module("ddgs.exceptions").DDGSException
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="ddgs")

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:
        """See Provider.search; never returns an empty list."""
        work = partial(self._search, query, _REGIONS[language], limit)
        try:
            async with asyncio.timeout(self._timeout):
                found = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError:
            raise ProviderFailed(SearchOutcome.TIMEOUT, "no answer in time") from None
        except self._failed as error:
            timed_out = "timed out" in str(error).lower()
            outcome = SearchOutcome.TIMEOUT if timed_out else SearchOutcome.ERROR
            raise ProviderFailed(outcome, type(error).__name__) from None
        hits = [RawHit(str(item["title"]), str(item["href"]), str(item["body"])) for item in found]
        if not hits:
            raise ProviderFailed(SearchOutcome.ERROR, "no answer that tells empty from refused")
        return hits

    def _search(self, query: str, region: str, limit: int) -> list[dict[str, Any]]:
        seconds = max(1, int(self._timeout))
        found: list[dict[str, Any]] = self._open(timeout=seconds).text(
            query, region=region, max_results=limit, backend=_ENGINES
        )
        return found

    def close(self) -> None:
        """Let the threads end; those under way are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
