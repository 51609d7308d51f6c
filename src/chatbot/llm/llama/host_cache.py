"""Rooms that left the KV pool, copied into the machine's own memory and back.

On a CPU a copy takes a hundredth of the time that computing the tokens anew takes, and it holds no cells:
attention passes over every cell of the pool in every step, whether its room is asked or not. How a copy
compares with prefill on a card depends on the card, so it is measured, and where it does not pay it is left.

Sliding-window models: the library saves of a sequence only what its window still sees. So a room is saved in
segments as long as the window, each under an id of its own.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass

from chatbot.domain.vram import MIB
from chatbot.llm.llama.memory import Memory, State
from chatbot.llm.llama.prefixes import PrefixIndex, Tokens
from chatbot.scheduling.rates import Rate

_PAYS_BELOW = 0.5
"""Copying out and in must cost less than this share of computing: some rooms never come back."""

_TRY_AGAIN = 64
"""One room in so many is copied all the same where it did not pay, in case that was a bad hour."""


@dataclass(eq=False, slots=True)
class SavedSequence:
    """A room outside the pool."""

    tokens: Tokens
    segments: list[State]
    """What the pool held of the tokens, in order, one sliding window each."""

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(segment.nbytes for segment in self.segments)


class HostCache:
    """Saved rooms of one model, least recently used first; they outlive a context that broke."""

    def __init__(self, budget_mib: int, n_swa: int) -> None:
        """Hold at most ``budget_mib``; ``n_swa`` is the model's window in tokens, 0 for none."""
        self._budget = budget_mib * MIB
        self._window = n_swa
        self._rooms: OrderedDict[SavedSequence, None] = OrderedDict()
        self._index = PrefixIndex[SavedSequence]()
        self._cost = Rate(0.0)
        self._passed_over = 0
        self.size = 0

    def match(self, tokens: Tokens, beyond: int = 0) -> tuple[SavedSequence, int] | None:
        """The room with the longest common beginning, and its length, if longer than ``beyond``."""
        best, length = self._index.longest(tokens, beyond)
        return (best, length) if best else None

    def save(self, memory: Memory, sequence: int, tokens: Tokens, prefill_seconds: float) -> None:
        """Copy what ``sequence`` holds (these tokens), unless that costs too much.

        ``prefill_seconds`` is what computing one token costs.
        """
        if not (len(tokens) and (self.pays(prefill_seconds) or self._tries_again())):
            return
        known, alike = self._index.longest(tokens)
        if known is not None and alike == len(tokens):
            self._rooms.move_to_end(known)
            return
        begun = time.perf_counter()
        segments = [memory.save(sequence, start, end) for start, end in self._bounds(tokens)]
        self._cost.saw(len(tokens), time.perf_counter() - begun)
        saved = SavedSequence(tokens, [segment for segment in segments if segment is not None])
        if len(saved.segments) == len(segments) and saved.size <= self._budget:
            if known is not None and alike == len(known.tokens):
                self.forget(known)
            self._take(saved)

    def load(self, memory: Memory, room: SavedSequence, target: int, stop: int) -> None:
        """Append to ``target``, which holds a beginning of the room, its tokens up to ``stop``.

        Ends early where the pool has no cells for a whole segment.
        """
        if room in self._rooms:
            self._rooms.move_to_end(room)
        begun, before = time.perf_counter(), memory.length(target)
        for (start, end), segment in zip(self._bounds(room.tokens), room.segments, strict=True):
            if memory.length(target) < min(end, stop) and not memory.load(
                segment, target, cells=end - start, stop=min(end, stop)
            ):
                break
        self._cost.saw(memory.length(target) - before, time.perf_counter() - begun)

    def pays(self, prefill_seconds: float) -> bool:
        """Whether to copy a room rather than lose it, where computing a token costs so much."""
        return self._budget > 0 and 2 * self._cost.seconds < _PAYS_BELOW * prefill_seconds

    def cells_to_load(self, room: SavedSequence, held: int, stop: int) -> int:
        """Free cells that ``load`` needs from ``held`` tokens to ``stop``: a segment comes as a whole."""
        return sum(end - start for start, end in self._bounds(room.tokens) if end > held and start < stop)

    def forget(self, room: SavedSequence) -> None:
        """Give a room up."""
        if room in self._rooms:
            del self._rooms[room]
            self._index.remove(room)
            self.size -= room.size

    def _bounds(self, tokens: Tokens) -> list[tuple[int, int]]:
        """Where the segments of these tokens begin and end."""
        stride = self._window or len(tokens)
        return [(start, min(start + stride, len(tokens))) for start in range(0, len(tokens), stride)]

    def _tries_again(self) -> bool:
        self._passed_over += 1
        return self._budget > 0 and self._passed_over % _TRY_AGAIN == 0

    def _take(self, saved: SavedSequence) -> None:
        while self.size + saved.size > self._budget:
            self.forget(next(iter(self._rooms)))
        self._rooms[saved] = None
        self._index.add(saved)
        self.size += saved.size
