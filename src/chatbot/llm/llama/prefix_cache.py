"""What the KV pool remembers: finished rooms stay parked and give their tokens to whoever begins alike.

Every prompt is matched against everything that has been computed, parked or running, so a persona is computed
once for all its users and a room's next turn reads only what is new. Sharing costs no cells: the new sequence
joins the old one's.

Sliding-window models: llama.cpp may take a room's cells that its window has left behind, and a decode on such
a remainder succeeds with garbage. A second sequence id on the same cells, the guard, keeps them; and before
each reuse the library's own positions are checked.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chatbot.llm.llama.memory import Memory

Tokens = npt.NDArray[np.int32]


@dataclass(eq=False, slots=True)
class Parked:
    """Tokens that stay in the pool under ids that do not decode."""

    tokens: Tokens
    sequence: int
    guard: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The longest known beginning of a prompt: ``length`` tokens that ``sequence`` holds."""

    sequence: int
    length: int
    parked: Parked | None = None


class PrefixCache:
    """Parked sequences of one context, least recently used first."""

    def __init__(self, memory: Memory, ids: Iterable[int], n_swa: int) -> None:
        self._memory = memory
        self._ids = list(ids)
        self._n_swa = n_swa
        self._parked: OrderedDict[Parked, None] = OrderedDict()

    @property
    def entries(self) -> int:
        """Parked sequences."""
        return len(self._parked)

    def match(self, tokens: Tokens) -> Match | None:
        """The parked sequence with the longest common beginning."""
        best: Match | None = None
        for parked in self._parked:
            length = common_prefix(parked.tokens, tokens)
            if length and (best is None or length > best.length):
                best = Match(parked.sequence, length, parked)
        return best

    def adopt(self, match: Match, target: int, keep: int) -> bool:
        """Give the first ``keep`` tokens of the match to the empty sequence ``target``; False if spoilt."""
        self._memory.share(match.sequence, target, keep)
        if match.parked is not None:
            self._parked.move_to_end(match.parked)
        intact = self._memory.last_position(target) == keep - 1 and (
            not self._n_swa or self._memory.first_position(target) <= max(0, keep - self._n_swa)
        )
        if not intact:
            self._memory.keep(target, 0)
            if match.parked is not None:
                self._drop(match.parked)
        return intact

    def guard(self, sequence: int) -> int | None:
        """Protect what a running sequence holds from its own window; None where there is no window.

        Returns:
            The guard's id, to be given back with ``park`` or ``unguard``.
        """
        if not self._n_swa:
            return None
        while not self._ids and self.evict_one():
            pass
        if not self._ids:
            return None
        guard = self._ids.pop()
        self._memory.share(sequence, guard, self._memory.length(sequence))
        return guard

    def unguard(self, guard: int | None) -> None:
        """Give up a guard."""
        if guard is not None:
            self._memory.keep(guard, 0)
            self._ids.append(guard)

    def park(self, sequence: int, tokens: Sequence[int], guard: int | None = None) -> None:
        """Keep what ``sequence`` holds (these tokens) and empty it; its guard goes with it."""
        length = self._memory.length(sequence)
        held = np.asarray(tokens[:length], dtype=np.int32)
        for parked in list(self._parked):
            if len(parked.tokens) <= length and common_prefix(parked.tokens, held) == len(parked.tokens):
                self._drop(parked)
        while not self._ids and self.evict_one():
            pass
        if length and self._ids:
            parked = Parked(held, self._ids.pop(), guard)
            self._memory.share(sequence, parked.sequence, length)
            if guard is not None:
                self._memory.share(sequence, guard, length)
            self._parked[parked] = None
        else:
            self.unguard(guard)
        self._memory.keep(sequence, 0)

    def evict_one(self) -> bool:
        """Give up the least recently used; False when nothing is parked."""
        if not self._parked:
            return False
        self._drop(next(iter(self._parked)))
        return True

    def clear(self) -> None:
        """Give up everything."""
        while self.evict_one():
            pass

    def _drop(self, parked: Parked) -> None:
        del self._parked[parked]
        self._memory.keep(parked.sequence, 0)
        self._ids.append(parked.sequence)
        self.unguard(parked.guard)


def common_prefix(left: Tokens, right: Tokens) -> int:
    """Length of the common beginning."""
    shorter = min(len(left), len(right))
    if not shorter or left[0] != right[0]:
        return 0
    differing = np.flatnonzero(left[:shorter] != right[:shorter])
    return int(differing[0]) if len(differing) else shorter
