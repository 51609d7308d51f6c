"""From configuration to a model for each alias."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from chatbot.domain.config import OpenAIConfig, is_alias
from chatbot.domain.errors import StartupError
from chatbot.domain.models import ChatModel
from chatbot.llm.openai.model import OpenAIModel
from chatbot.llm.openai.shutdown import shutdown_days, warn_of_shutdown
from chatbot.llm.openai.upstream_client import UpstreamClient

_LOCAL = "llama"
"""The local model's name in the path, in lower case: an alias must not hide it."""

OnEnd = Callable[[str, str, date | None], None]
"""Told an alias, its model, and the day on which that is shut down, None when no day is known."""

DAY_SECONDS = 86_400.0


class OpenAIModels(dict[str, ChatModel]):
    """The models by alias; ``shutdown_days`` is the known end of each alias's model."""

    def __init__(self, config: OpenAIConfig, line: UpstreamClient, on_end: OnEnd) -> None:
        super().__init__({alias: OpenAIModel(profile, line) for alias, profile in config.aliases.items()})
        self._config = config
        self._line = line
        self._on_end = on_end
        self._warned: dict[str, tuple[date, date]] = {}
        self.shutdown_days: Mapping[str, date] = {}
        if line.configured:
            self._learn({})

    def _learn(self, named: Mapping[str, date]) -> None:
        today = datetime.now(UTC).date()
        self.shutdown_days = days = shutdown_days(self._config, named)
        due = {alias: day for alias, day in days.items() if self._warned.get(alias) != (day, today)}
        self._warned |= {alias: (day, today) for alias, day in due.items()}
        warn_of_shutdown(self._config, due, today)
        for alias, profile in self._config.aliases.items():
            self._on_end(alias, profile.model, days.get(alias))

    async def check(self) -> None:
        """Ask upstream when its models end, and warn, once a day of each; a failure to ask is no failure.

        It also loads the client, so that the first question need not wait for that.
        """
        if self._line.configured:
            vendor = await self._line.vendor()
            self._learn(await vendor.shutdown_dates())

    async def keep_checking(self) -> None:
        """Check now and once a day from then on: a process may outlive its models."""
        while True:
            await self.check()
            await asyncio.sleep(DAY_SECONDS)

    async def close(self) -> None:
        """Refuse new requests and close the connections."""
        await self._line.close()


def _untold(_: str, __: str, ___: date | None) -> None:
    """Nobody wants to know."""


def open_openai(
    config: OpenAIConfig, redact: Callable[[str], str] = str, on_end: OnEnd = _untold
) -> OpenAIModels:
    """A model for each configured alias; without a key each refuses with NotConfigured.

    ``redact`` takes personal data out of every text before it leaves the suite; ``on_end`` is told when
    models end. Nothing is connected or imported yet; close the result after use.

    Raises:
        StartupError: an alias or the address is unusable.
    """
    key = config.api_key.get_secret_value()
    if not key.isascii() or (key and not key.isprintable()):
        raise StartupError("CHATBOT_OPENAI__API_KEY holds characters that no key has.")
    address = urlsplit(config.base_url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise StartupError("CHATBOT_OPENAI__BASE_URL must begin with http:// or https:// and name a host.")
    for alias in config.aliases:
        if not is_alias(alias) or alias.lower() == _LOCAL:
            raise StartupError(f"CHATBOT_OPENAI__ALIASES: {alias!r} cannot be a name in the path.")
    return OpenAIModels(config, UpstreamClient(config, redact), on_end)
