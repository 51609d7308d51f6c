"""A bound on how many requests hold something large at the same time, such as a body of a megabyte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatbot.domain.errors import Unavailable

_WAIT_SECONDS = 10.0
"""How long a request waits until fewer are under way."""


class FewAtOnce:
    """Lets at most ``most`` requests in; further ones wait for a while."""

    def __init__(self, most: int, what: str) -> None:
        """``what`` they hold is named in the log when one has to be refused."""
        self._places = asyncio.Semaphore(most)
        self._what = what

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold one of the places.

        Raises:
            Unavailable: none came free in time.
        """
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable(f"too many {self._what} are under way") from None
        try:
            yield
        finally:
            self._places.release()
