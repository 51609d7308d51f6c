"""Bodies that may be large beside the questions': read while few others are, understood on a thread."""

import asyncio
from collections.abc import Callable, Collection
from typing import TypeVar

from fastapi import Request
from starlette.exceptions import HTTPException

from chatbot.api.body import declared_length, read_limited
from chatbot.domain.errors import Unavailable

_SMALL = 64 * 1024
"""Bytes of a body as every other route reads it."""

_AT_ONCE = 64
"""Larger bodies in memory, and how long another waits for that, seconds."""
_WAIT_SECONDS = 10.0

Result = TypeVar("Result")


class Uploads:
    """Reads the large bodies of one service."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def read(
        self, request: Request, types: Collection[str], most: int, understand: Callable[[bytes], Result]
    ) -> Result:
        """What the body means, of at most ``most`` bytes; raises what ``understand`` raises.

        Raises:
            HTTPException: as ``read_limited`` says; 415 for other media types than ``types``.
            Unavailable: too many are being read.
        """
        given = request.headers.getlist("content-type")
        media = given[0].partition(";")[0].strip().lower() if len(given) == 1 else ""
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if media not in types or encoding not in ("", "identity"):
            raise HTTPException(415)
        if "content-length" in request.headers and declared_length(request) <= _SMALL:
            return await asyncio.to_thread(understand, await read_limited(request, most))
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable("too many large bodies are being read") from None
        try:
            data = await read_limited(request, most)
            return await asyncio.to_thread(understand, data)
        finally:
            self._places.release()
