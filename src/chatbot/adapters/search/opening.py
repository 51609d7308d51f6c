"""From configuration to a working WebSearch: which providers, in which order for which language."""

import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from pydantic import SecretStr

from chatbot import __version__
from chatbot.adapters.search.brave import Brave
from chatbot.adapters.search.chain import Chain
from chatbot.adapters.search.ddgs import DDGS
from chatbot.adapters.search.fetcher import Fetcher
from chatbot.adapters.search.google import Google
from chatbot.adapters.search.kakao import Kakao
from chatbot.adapters.search.naver import Naver
from chatbot.adapters.search.provider import Provider
from chatbot.adapters.search.searxng import SearXNG
from chatbot.adapters.search.tavily import Tavily
from chatbot.adapters.search.wikipedia import Wikipedia
from chatbot.domain.config import SearchConfig
from chatbot.domain.errors import StartupError
from chatbot.domain.language import Language
from chatbot.domain.search import SearchOutcome

_log = logging.getLogger(__name__)

ORDER: dict[Language, tuple[str, ...]] = {
    "ko": ("naver", "kakao", "searxng", "tavily", "brave", "google", "ddgs", "wikipedia"),
    "en": ("tavily", "brave", "searxng", "google", "ddgs", "naver", "kakao", "wikipedia"),
}
"""Who is asked first in each language; who is not configured is skipped."""


def open_search(
    config: SearchConfig,
    on_outcome: Callable[[str, SearchOutcome], None],
    redact: Callable[[str], str] = str,
) -> Chain:
    """Build the search from its configuration; call within a running event loop, close it after use.

    ``on_outcome`` is told every provider's outcome (for metrics); ``redact`` takes personal data out of a
    query before it leaves the suite.

    Raises:
        StartupError: a setting is half made or unusable.
    """
    _check(config)
    fetcher = Fetcher(_user_agent(config.contact))
    providers: list[Provider] = []
    if _told(config.naver_client_id):
        providers.append(Naver(fetcher, config.naver_client_id, config.naver_client_secret))
    if _told(config.kakao_api_key):
        providers.append(Kakao(fetcher, config.kakao_api_key))
    if config.searxng_url:
        providers.append(SearXNG(fetcher, config.searxng_url))
    if _told(config.tavily_api_key):
        providers.append(Tavily(fetcher, config.tavily_api_key))
    if _told(config.brave_api_key):
        providers.append(Brave(fetcher, config.brave_api_key))
    if _told(config.google_api_key):
        providers.append(Google(fetcher, config.google_api_key, config.google_engine_id))
    if config.wikipedia:
        providers.append(Wikipedia(fetcher))
    ddgs = DDGS() if config.ddgs else None
    if ddgs is not None:
        providers.append(ddgs)

    async def release() -> None:
        await fetcher.close()
        if ddgs is not None:
            ddgs.close()

    known = {provider.name: provider for provider in providers}
    order = {language: [known[name] for name in names if name in known] for language, names in ORDER.items()}
    chain = Chain(
        order,
        on_outcome,
        release,
        budget=config.budget_seconds,
        cache_seconds=config.cache_seconds,
        redact=redact,
    )
    _log.info("search_opened", extra={"providers": chain.providers})
    return chain


def _user_agent(contact: str) -> str:
    """Wikimedia asks automatic clients to say what they are and how to reach their operator."""
    return f"chatbot-suite/{__version__} ({contact or 'self-hosted chat service'})"


def _check(config: SearchConfig) -> None:
    """Refuse at the start what could only fail later."""
    _both(
        "NAVER_CLIENT_ID",
        _told(config.naver_client_id),
        "NAVER_CLIENT_SECRET",
        _told(config.naver_client_secret),
    )
    _both("GOOGLE_API_KEY", _told(config.google_api_key), "GOOGLE_ENGINE_ID", config.google_engine_id)
    if config.searxng_url and urlsplit(config.searxng_url).scheme not in ("http", "https"):
        raise StartupError("CHATBOT_SEARCH__SEARXNG_URL must begin with http:// or https://.")
    for name, value in config:
        secret = _told(value) if isinstance(value, SecretStr) else ""
        if not secret.isascii() or not secret.isprintable():
            raise StartupError(f"CHATBOT_SEARCH__{name.upper()} holds characters that no key has.")


def _both(first: str, one: str, second: str, other: str) -> None:
    if bool(one) != bool(other):
        raise StartupError(
            f"CHATBOT_SEARCH__{first} and CHATBOT_SEARCH__{second} need each other: set both or none."
        )


def _told(secret: SecretStr) -> str:
    return secret.get_secret_value()
