"""Prompts as arrays of tokens, and how far two of them agree: what every cache of prefixes compares."""

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int32]


def common_prefix(left: Tokens, right: Tokens) -> int:
    """Length of the common beginning."""
    shorter = min(len(left), len(right))
    if not shorter or left[0] != right[0]:
        return 0
    differing = np.flatnonzero(left[:shorter] != right[:shorter])
    return int(differing[0]) if len(differing) else shorter
