"""Notices that a client disconnected, and decides what becomes of its answer.

Starlette tells a handler of a disconnect no earlier than at its next send, so an answer that waits in the
queue or is not streamed would be computed for nobody.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

Result = TypeVar("Result")

DISCONNECTED_STATUS = 499
"""What the log says of a client that disconnected (nginx's convention); nobody receives it."""


async def _listen_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def while_connected(
    receive: Receive,
    work: Coroutine[Any, Any, Result],
    *,
    unattended: set[asyncio.Task[Any]] | None = None,
) -> Result:
    """Run ``work`` while the client is connected.

    When it disconnects, the work is cancelled, or, when ``unattended`` is given, handed over to that set to
    be completed.

    Raises:
        ClientDisconnect: the client was gone before the work was done.
        Exception: whatever the work raises.
    """
    working = asyncio.create_task(work)
    listening = asyncio.create_task(_listen_for_disconnect(receive))
    try:
        await asyncio.wait((working, listening), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if unattended is not None:
            unattended.add(working)
            working.add_done_callback(unattended.discard)
            working.add_done_callback(_retrieve)
        raise ClientDisconnect
    finally:
        listening.cancel()
        if unattended is None or working not in unattended:
            working.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await working


def _retrieve(task: asyncio.Task[Any]) -> None:
    """Take the exception of unattended work; the chat path has logged and counted it."""
    if not task.cancelled():
        task.exception()
