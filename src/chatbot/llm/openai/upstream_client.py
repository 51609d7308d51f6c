"""What all aliases share: one client of upstream, the door before it, and the measured rate."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from chatbot.domain.config import OpenAIConfig
from chatbot.llm.openai.concurrency_limit import ConcurrencyLimit

if TYPE_CHECKING:
    from chatbot.llm.openai.vendor import Vendor

_RATE_SECONDS = 10.0


class UpstreamClient:
    """The connection to upstream. The vendor's library takes a second to import, so it is loaded in a
    thread when it is first needed.
    """

    def __init__(self, config: OpenAIConfig, redact: Callable[[str], str]) -> None:
        self.door = ConcurrencyLimit(config.max_concurrent)
        self.redact = redact
        self.draining = False
        self._config = config
        self._vendor: Vendor | None = None
        self._loading = asyncio.Lock()
        self._produced: deque[tuple[float, int]] = deque()

    @property
    def configured(self) -> bool:
        """Whether there is a key."""
        return bool(self._config.api_key.get_secret_value())

    async def vendor(self) -> "Vendor":
        """The client, made on first use."""
        async with self._loading:
            if self._vendor is None:
                self._vendor = await asyncio.to_thread(_make_vendor, self._config)
            return self._vendor

    def produced(self, tokens: int) -> None:
        """Count tokens of an answer that has just ended."""
        self._produced.append((time.monotonic(), tokens))

    def tokens_per_second(self) -> float:
        """Tokens of the answers that ended within the last ten seconds, a second."""
        horizon = time.monotonic() - _RATE_SECONDS
        while self._produced and self._produced[0][0] < horizon:
            self._produced.popleft()
        return sum(tokens for _, tokens in self._produced) / _RATE_SECONDS

    async def close(self) -> None:
        """Refuse new requests and close all connections."""
        self.draining = True
        async with self._loading:
            if self._vendor is not None:
                await self._vendor.close()


def _make_vendor(config: OpenAIConfig) -> "Vendor":
    from chatbot.llm.openai.vendor import Vendor

    return Vendor(config)
