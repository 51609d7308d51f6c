"""Time that costs nothing: an event loop whose clock jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, TypeVar

from chatbot.adapters.history.spool import Spool

_Result = TypeVar("_Result")


class _Jumping(selectors.DefaultSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or timeout == 0:
            return events
        if timeout is None:
            raise RuntimeError("everything waits for something that never happens")
        self.now += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs timers in their order at once; nothing in it may wait for another thread."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


class ThreadlessSpool(Spool):
    """A spool that works on the loop's own thread, for virtual time."""

    async def _run(self, work: Callable[..., _Result], *values: Any) -> _Result:
        await asyncio.sleep(0)
        return work(*values)
