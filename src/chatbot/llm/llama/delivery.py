"""From the engine's thread to the event loops: events leave in batches, one wake-up a loop and step.

A wake-up costs a write to the loop's pipe and a context switch; twenty users' tokens of one step share it,
and a loop that is behind finds several tokens of one user joined into one event.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from chatbot.domain.errors import ChatbotError
from chatbot.domain.messages import GenerationEvent, Token

Item = GenerationEvent | ChatbotError


class Outbox:
    """Events of the answers to a question; filled by the engine's thread, read by its coroutine."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._items: deque[Item] = deque()
        self._wake = asyncio.Event()

    def put(self, item: Item) -> None:
        """Add an event without waking anybody (engine thread)."""
        self._items.append(item)

    def wake(self) -> None:
        """Let the reader look (event loop)."""
        self._wake.set()

    async def take(self) -> list[Item]:
        """Wait for events and return them all, neighbouring tokens joined."""
        while not self._items:
            self._wake.clear()
            if not self._items:
                await self._wake.wait()
        items: list[Item] = []
        tokens: list[Token] = []
        while self._items:
            item = self._items.popleft()
            if isinstance(item, Token):
                tokens.append(item)
                continue
            _add_joined(tokens, items)
            items.append(item)
        _add_joined(tokens, items)
        return items


def _add_joined(tokens: list[Token], items: list[Item]) -> None:
    """Move the tokens to the items, those of an answer as one, however many a slow reader has let gather."""
    by_answer: dict[int, list[Token]] = {}
    for token in tokens:
        by_answer.setdefault(token.answer, []).append(token)
    for answer, parts in by_answer.items():
        told = tuple(each for part in parts for each in part.logprobs)
        items.append(Token("".join(part.text for part in parts), told, answer))
    tokens.clear()


class Delivery:
    """Collects the outboxes that got something during a step."""

    def __init__(self) -> None:
        self._touched: dict[Outbox, None] = {}

    def put(self, outbox: Outbox, item: Item) -> None:
        """Add an event to be delivered with the next flush."""
        outbox.put(item)
        self._touched[outbox] = None

    def flush(self) -> None:
        """Wake the readers, once for each event loop."""
        if not self._touched:
            return
        by_loop: dict[asyncio.AbstractEventLoop, list[Outbox]] = {}
        for outbox in self._touched:
            by_loop.setdefault(outbox.loop, []).append(outbox)
        self._touched.clear()
        for loop, outboxes in by_loop.items():
            # A closed loop has no readers left; their requests are cancelled with it.
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake_all, outboxes)


def _wake_all(outboxes: Sequence[Outbox]) -> None:
    for outbox in outboxes:
        outbox.wake()
