"""From configuration to a model for each alias."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

from chatbot.domain.config import ROUTE_NAMES, OpenAIConfig
from chatbot.domain.errors import StartupError
from chatbot.domain.models import ChatModel
from chatbot.llm.openai.line import Line
from chatbot.llm.openai.model import OpenAIModel
from chatbot.llm.openai.shutdown import shutdown_days, warn_of_shutdown

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

_TAKEN = ROUTE_NAMES | {"llama"}
"""Path segments of a service that an alias must not hide, in lower case."""


class OpenAIModels(dict[str, ChatModel]):
    """The models by alias; ``shutdown_days`` is the known end of each alias's model."""

    def __init__(self, config: OpenAIConfig, line: Line) -> None:
        super().__init__({alias: OpenAIModel(profile, line) for alias, profile in config.aliases.items()})
        self._config = config
        self._line = line
        self.shutdown_days: Mapping[str, date] = {}
        if line.configured:
            self._learn({})

    def _learn(self, named: Mapping[str, date]) -> None:
        days = shutdown_days(self._config, named)
        changed = {alias: day for alias, day in days.items() if self.shutdown_days.get(alias) != day}
        self.shutdown_days = days
        warn_of_shutdown(self._config, changed, datetime.now(UTC).date())

    async def check(self) -> None:
        """Ask upstream when its models end, and warn of what is new; a failure to ask is no failure.

        It also loads the client, so that the first question need not wait for that.
        """
        if self._line.configured:
            vendor = await self._line.vendor()
            self._learn(await vendor.shutdown_dates())

    async def close(self) -> None:
        """Refuse new requests and close the connections."""
        await self._line.close()


def open_openai(config: OpenAIConfig, redact: Callable[[str], str] = str) -> OpenAIModels:
    """A model for each configured alias; without a key each refuses with NotConfigured.

    ``redact`` takes personal data out of every text before it leaves the suite. Nothing is connected or
    imported yet; close the result after use.

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
        if not _ALIAS.fullmatch(alias) or alias.lower() in _TAKEN:
            raise StartupError(f"CHATBOT_OPENAI__ALIASES: {alias!r} cannot be a name in the path.")
    return OpenAIModels(config, Line(config, redact))
