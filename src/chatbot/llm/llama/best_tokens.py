"""The largest logits of a row, found without sorting it: what a sampler's chain has to look at."""

import numpy as np
import numpy.typing as npt

from chatbot.llm.llama.context import Logits

_COLUMNS = 4096
"""Columns of the folded row: with fewer, more is gathered; with more, selecting among them is dear."""

TokenIds = npt.NDArray[np.intp]


def best_tokens(row: Logits, count: int) -> TokenIds:
    """Ids of at least the ``count`` largest logits (more on ties and near them), ascending.

    A logit of -inf is none: where fewer than ``count`` ids come back, all others are ruled out.

    The row is folded to columns. The ``count`` best columns by maximum hold the ``count`` best tokens, and
    the worst of those maxima bounds them from below; so everything at or above that bound is taken.
    """
    if count >= len(row):
        return np.flatnonzero(row > -np.inf)
    folded = len(row) // _COLUMNS
    if folded < 2 or count >= _COLUMNS:
        ids = np.sort(np.argpartition(row, len(row) - count)[-count:])
        return ids[row[ids] > -np.inf]
    grid = row[: folded * _COLUMNS].reshape(folded, _COLUMNS)
    maxima = grid.max(axis=0)
    bound = np.partition(maxima, _COLUMNS - count)[_COLUMNS - count]
    if bound == -np.inf:
        return np.flatnonzero(row > -np.inf)
    columns = np.flatnonzero(maxima >= bound)
    # take and one flat search cost half of fancy indexing and a search in two dimensions.
    lines, places = np.divmod(np.flatnonzero(grid.take(columns, axis=1) >= bound), len(columns))
    tail = np.flatnonzero(row[folded * _COLUMNS :] >= bound) + folded * _COLUMNS
    # Line by line, and within a line column by column: the ids ascend.
    return np.concatenate([lines * _COLUMNS + columns[places], tail])
