"""Prompts as arrays of tokens, and how far two of them agree: what every cache of prefixes compares."""

from bisect import bisect_left
from typing import Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]


class Holder(Protocol):
    """Whatever keeps the tokens of a prompt."""

    @property
    def tokens(self) -> Tokens:
        """Those that it keeps, from the first on."""
        ...


AnyHolder = TypeVar("AnyHolder", bound=Holder)


def common_prefix(left: Tokens, right: Tokens) -> int:
    """Length of the common beginning."""
    shorter = min(len(left), len(right))
    if not shorter or left[0] != right[0]:
        return 0
    differing = np.flatnonzero(left[:shorter] != right[:shorter])
    return int(differing[0]) if len(differing) else shorter


class PrefixIndex(Generic[AnyHolder]):
    """Finds who agrees longest with a prompt, by two comparisons however many it holds.

    The holders are sorted by the bytes of their tokens. In a sorted list the longest common beginning is that
    of a neighbour: of who stands directly before or after the place where the prompt would stand.

    Nobody's tokens may be a beginning of another's: then who holds a beginning of a prompt stands directly
    before its place.
    """

    def __init__(self) -> None:
        self._keys: list[bytes] = []
        self._holders: list[AnyHolder] = []

    def longest(self, tokens: Tokens, beyond: int = 0) -> tuple[AnyHolder | None, int]:
        """Who has the longest common beginning with ``tokens``, and its length.

        None and ``beyond`` if no beginning is longer than ``beyond``.
        """
        best, length = None, beyond
        place = bisect_left(self._keys, tokens.tobytes())
        for holder in self._holders[max(0, place - 1) : place + 1]:
            alike = common_prefix(holder.tokens, tokens)
            if alike > length:
                best, length = holder, alike
        return best, length

    def add(self, holder: AnyHolder) -> None:
        """Take one more; its tokens are no beginning of another's, nor another's of them."""
        key = holder.tokens.tobytes()
        place = bisect_left(self._keys, key)
        self._keys.insert(place, key)
        self._holders.insert(place, holder)

    def remove(self, holder: AnyHolder) -> None:
        """Give up one that it holds."""
        place = bisect_left(self._keys, holder.tokens.tobytes())
        del self._keys[place], self._holders[place]
