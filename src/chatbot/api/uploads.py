"""Bodies that may be large beside the questions': read while few others are, understood on a thread."""

import asyncio
from collections.abc import Callable, Collection
from typing import TypeVar

from fastapi import Request
from starlette.exceptions import HTTPException

from chatbot.api.body import declared_length, media_type, read_limited
from chatbot.api.few_at_once import FewAtOnce

_SMALL = 64 * 1024
"""Bytes of a body as every other route reads it."""

_AT_ONCE = 64
"""Larger bodies in memory."""

Result = TypeVar("Result")


class Uploads:
    """Reads the large bodies of one service."""

    def __init__(self) -> None:
        self._large = FewAtOnce(_AT_ONCE, "large bodies")

    async def read(
        self, request: Request, types: Collection[str], most: int, understand: Callable[[bytes], Result]
    ) -> Result:
        """What the body means, of at most ``most`` bytes; raises what ``understand`` raises.

        Raises:
            HTTPException: as ``read_limited`` says; 415 for other media types than ``types``.
            Unavailable: too many are being read.
        """
        if media_type(request) not in types:
            raise HTTPException(415)
        if "content-length" in request.headers and declared_length(request) <= _SMALL:
            return await asyncio.to_thread(understand, await read_limited(request, most))
        async with self._large.place():
            return await asyncio.to_thread(understand, await read_limited(request, most))
