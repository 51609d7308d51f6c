"""What the KV pool remembers: finished rooms stay parked and give their tokens to whoever begins alike.

Every prompt is matched against everything that has been computed, parked or running, so a persona is computed
once for all its users and a room's next turn reads only what is new. Sharing costs no cells: the new sequence
joins the old one's. What leaves the pool goes to the host cache and comes back when it is asked for.

Sliding-window models: llama.cpp may take a room's cells that its window has left behind, and a decode on such
a remainder succeeds with garbage. A second sequence id on the same cells, the guard, keeps them; and before
each reuse the library's own positions are checked.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chatbot.llm.llama.host_cache import HostCache, SavedSequence
from chatbot.llm.llama.memory import Memory
from chatbot.llm.llama.prefixes import PrefixIndex, Tokens
from chatbot.scheduling.rates import Rate

_WORTH_LOADING = 8
"""Tokens that a saved room must know beyond the pool, for the calls that loading it takes."""


@dataclass(eq=False, slots=True)
class Parked:
    """A finished room that stays in the pool, under sequence ids that do not decode."""

    tokens: Tokens
    sequence: int
    guard: int | None
    """The second id that keeps the cells from a sliding window; None where there is no window."""
    used: int
    """The cache's clock, in rows, when the room was last of use."""


@dataclass(frozen=True, slots=True)
class Match:
    """The longest known beginning of a prompt."""

    length: int
    """Tokens of the beginning, in the pool and in the host cache together."""
    shared: int = 0
    """How many of them the pool holds."""
    sequence: int | None = None
    """Who holds these."""
    parked: Parked | None = None
    """The room they are of, None if they are a running stream's."""
    room: SavedSequence | None = None
    """What the host cache has of the rest."""


@dataclass(frozen=True, slots=True)
class ParkingPolicy:
    """How long a finished room keeps its cells, and where it goes then."""

    host_cache: HostCache
    """Takes what leaves the pool."""
    prefill: Rate
    """Price of computing a token anew, seconds."""
    n_swa: int
    """The model's sliding window in tokens, 0 for none."""
    cold_rows: int = 0
    """After so many rows decoded for others a room leaves of itself; 0 for never."""


class PrefixCache:
    """Parked sequences of one context, least recently used first."""

    def __init__(self, memory: Memory, ids: Iterable[int], policy: ParkingPolicy) -> None:
        self._memory = memory
        self._ids = list(ids)
        self._policy = policy
        self._parked: OrderedDict[Parked, None] = OrderedDict()
        self._index = PrefixIndex[Parked]()
        self._clock = 0

    @property
    def entries(self) -> int:
        """Parked sequences."""
        return len(self._parked)

    def match(self, tokens: Tokens) -> Match | None:
        """The parked sequence with the longest common beginning."""
        parked, length = self._index.longest(tokens)
        return Match(length, length, parked.sequence, parked) if parked else None

    def extended(self, match: Match | None, tokens: Tokens) -> Match | None:
        """The match in the pool, with a saved room that knows more of the prompt, if there is one."""
        known = match or Match(0)
        found = self._policy.host_cache.match(tokens, known.length + _WORTH_LOADING)
        return replace(known, room=found[0], length=found[1]) if found else match

    def adopt(self, match: Match, target: int, keep: int) -> int:
        """Give the first ``keep`` tokens of the match to the empty sequence ``target``.

        Returns:
            How many it got: none if they were spoilt, fewer than ``keep`` if there are no cells to load them.
        """
        if match.sequence is not None:
            self._memory.share(match.sequence, target, min(match.shared, keep))
        if match.parked is not None:
            self._touch(match.parked)
        if match.room is not None:
            host_cache = self._policy.host_cache
            needed = host_cache.cells_to_load(match.room, self._memory.length(target), keep)
            while self._memory.free < needed and self.evict_one():
                pass
            host_cache.load(self._memory, match.room, target, keep)
        length = self._memory.length(target)
        intact = self._memory.last_position(target) == length - 1 and (
            not self._policy.n_swa
            or self._memory.first_position(target) <= max(0, length - self._policy.n_swa)
        )
        if intact:
            return length
        self._memory.truncate(target, 0)
        if match.parked is not None and match.parked in self._parked:
            self._drop(match.parked)
        if match.room is not None:
            self._policy.host_cache.forget(match.room)
        return 0

    def cells_to_adopt(self, match: Match | None, keep: int) -> int:
        """Free cells that ``adopt`` needs for an empty sequence; what it shares of the pool needs none."""
        if match is None or match.room is None:
            return 0
        return self._policy.host_cache.cells_to_load(match.room, min(match.shared, keep), keep)

    def guard(self, sequence: int, count: int) -> int | None:
        """Protect a running sequence's first ``count`` tokens from its own window; None where there is none.

        Returns:
            The guard's id, to be given back with ``park`` or ``unguard``.
        """
        if not self._policy.n_swa:
            return None
        while not self._ids and self.evict_one():
            pass
        if not self._ids:
            return None
        guard = self._ids.pop()
        self._memory.share(sequence, guard, count)
        return guard

    def unguard(self, guard: int | None) -> None:
        """Give up a guard."""
        if guard is not None:
            self._memory.truncate(guard, 0)
            self._ids.append(guard)

    def park(self, sequence: int, tokens: Sequence[int], guard: int | None = None) -> None:
        """Keep what ``sequence`` holds (these tokens) and empty it; its guard goes with it."""
        length = self._memory.length(sequence)
        held = np.asarray(tokens[:length], dtype=np.int32)
        if length and self._may_park(held):
            parked = Parked(held, self._ids.pop(), guard, self._clock)
            self._memory.share(sequence, parked.sequence, length)
            if guard is not None:
                self._memory.share(sequence, guard, length)
            self._parked[parked] = None
            self._index.add(parked)
        else:
            self.unguard(guard)
        self._memory.truncate(sequence, 0)

    def swap_out(self, sequence: int, tokens: Sequence[int], guard: int | None = None) -> None:
        """Empty a running sequence (these tokens) without parking it; the host cache keeps what it held."""
        self._save(sequence, np.asarray(tokens[: self._memory.length(sequence)], dtype=np.int32))
        self.discard(sequence, guard)

    def discard(self, sequence: int, guard: int | None = None) -> None:
        """Empty a running sequence and its guard; nobody keeps what it held."""
        self._memory.truncate(sequence, 0)
        self.unguard(guard)

    def evict_one(self) -> bool:
        """Move the least recently used out of the pool; False when nothing is parked."""
        if not self._parked:
            return False
        oldest = next(iter(self._parked))
        self._save(oldest.sequence, oldest.tokens)
        self._drop(oldest)
        return True

    def make_way(self, rows: int) -> None:
        """Before a call of so many rows: rooms leave the pool for which others have then paid enough."""
        self._clock += rows
        while self._parked and self._clock - next(iter(self._parked)).used >= self._policy.cold_rows:
            if not self.retire_one():
                return

    def retire_one(self) -> bool:
        """Move one room out of the pool unasked; False when there is none or it does not pay here."""
        pays = self._policy.cold_rows and self._policy.host_cache.pays(self._policy.prefill.seconds)
        return bool(pays) and self.evict_one()

    def _save(self, sequence: int, tokens: Tokens) -> None:
        self._policy.host_cache.save(self._memory, sequence, tokens, self._policy.prefill.seconds)

    def _may_park(self, tokens: Tokens) -> bool:
        """See to an id for a room of these tokens; False where there is none or a longer room knows them."""
        known, alike = self._index.longest(tokens)
        if known is not None and alike == len(known.tokens):
            self._drop(known)
        elif known is not None and alike == len(tokens):
            self._touch(known)
            return False
        while not self._ids and self.evict_one():
            pass
        return bool(self._ids)

    def _touch(self, parked: Parked) -> None:
        parked.used = self._clock
        self._parked.move_to_end(parked)

    def _drop(self, parked: Parked) -> None:
        del self._parked[parked]
        self._index.remove(parked)
        self._memory.truncate(parked.sequence, 0)
        self._ids.append(parked.sequence)
        self.unguard(parked.guard)
