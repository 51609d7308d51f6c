"""Noticing that a client left, and what becomes of its answer.

Starlette tells a handler nothing before its next send, so an answer that waits in the queue or is not
streamed would be computed for nobody.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from starlette.types import Receive

Result = TypeVar("Result")

LEFT_STATUS = 499
"""What the log says of a client that left (nginx's convention); nobody receives it."""


class ClientLeft(Exception):
    """The connection closed before the answer was complete."""


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def attended(
    receive: Receive,
    work: Coroutine[Any, Any, Result],
    *,
    unattended: set[asyncio.Task[Any]] | None = None,
    on_left: Callable[[], None] = lambda: None,
) -> Result:
    """Run ``work`` while the client is there.

    When it leaves, ``on_left`` is called and the work is cancelled, or, when ``unattended`` is given,
    handed over to that set to be completed. Either way ClientLeft is raised.
    """
    working = asyncio.create_task(work)
    watching = asyncio.create_task(_until_left(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        on_left()
        if unattended is not None:
            unattended.add(working)
            working.add_done_callback(unattended.discard)
            working.add_done_callback(_retrieve)
        raise ClientLeft
    finally:
        watching.cancel()
        if unattended is None or working not in unattended:
            working.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await working


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Take the exception of unattended work; the chat path has logged and counted it."""
    if not task.cancelled():
        task.exception()
