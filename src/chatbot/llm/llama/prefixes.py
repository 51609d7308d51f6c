"""Prompts as arrays of tokens, and how far two of them agree: what every cache of prefixes compares."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

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


def longest(holders: Iterable[AnyHolder], tokens: Tokens, beyond: int = 0) -> tuple[AnyHolder | None, int]:
    """The first of those with the longest common beginning, and its length.

    None and ``beyond`` if no beginning is longer than ``beyond``.
    """
    best, length = None, beyond
    for holder in holders:
        # Whoever parts before the best so far cannot be better: one comparison tells for most.
        if length < min(len(holder.tokens), len(tokens)) and holder.tokens[length] == tokens[length]:
            alike = common_prefix(holder.tokens, tokens)
            if alike > length:
                best, length = holder, alike
    return best, length


def beginnings(holders: Iterable[AnyHolder], tokens: Tokens) -> list[AnyHolder]:
    """Those that hold a beginning of ``tokens``, or all of them, and nothing else."""
    return [holder for holder in holders if common_prefix(holder.tokens, tokens) == len(holder.tokens)]
