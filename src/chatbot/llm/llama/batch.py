"""The rows of one decode call: numpy arrays behind a single prebuilt llama_batch.

Filling ctypes arrays token by token costs a hundred times more than slice assignment. What llama.cpp would
answer with an abort of the whole process is refused here with an exception.
"""

from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt


class Batch:
    """Rows for at most ``capacity`` tokens and ``outputs`` rows of logits."""

    def __init__(self, capacity: int, outputs: int, sequences: int, vocabulary: int) -> None:
        self.capacity = capacity
        self._outputs_max = outputs
        self._sequences = sequences
        self._vocabulary = vocabulary
        self._token = np.zeros(capacity, dtype=np.int32)
        self._position = np.zeros(capacity, dtype=np.int32)
        self._sequence = np.zeros(capacity, dtype=np.int32)
        self._counts = np.ones(capacity, dtype=np.int32)
        self._logits = np.zeros(capacity, dtype=np.int8)
        start = self._sequence.ctypes.data
        self._pointers = np.arange(start, start + 4 * capacity, 4, dtype=np.uintp)
        self.rows = 0
        self.outputs = 0
        self._struct = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self._token, "token"),
            embd=None,
            pos=_pointer(self._position, "pos"),
            n_seq_id=_pointer(self._counts, "n_seq_id"),
            seq_id=_pointer(self._pointers, "seq_id"),
            logits=_pointer(self._logits, "logits"),
        )

    @property
    def room(self) -> int:
        """Rows that still fit."""
        return self.capacity - self.rows

    def clear(self) -> None:
        """Begin a new call."""
        self.rows = self.outputs = 0

    def add(self, sequence: int, position: int, tokens: Sequence[int], *, outputs: int) -> None:
        """Append consecutive tokens of a sequence; logits are asked for after the last ``outputs``."""
        start, stop = self.rows, self.rows + len(tokens)
        if not tokens or stop > self.capacity:
            raise ValueError(f"{len(tokens)} rows do not fit, {self.room} are left")
        self._token[start:stop] = tokens
        self._position[start:stop] = range(position, position + len(tokens))
        self._sequence[start:stop] = sequence
        self._logits[start : stop - outputs] = 0
        self._logits[stop - outputs : stop] = 1
        self.rows = stop
        self.outputs += outputs

    def checked(self) -> object:
        """The struct to decode.

        Raises:
            ValueError: rows, outputs, ids or tokens that llama.cpp would abort on or reject.
        """
        rows = self.rows
        sequence: npt.NDArray[np.int32] = self._sequence[:rows]
        token: npt.NDArray[np.int32] = self._token[:rows]
        if not 0 < rows <= self.capacity or self.outputs > self._outputs_max:
            raise ValueError(f"{rows} rows and {self.outputs} outputs exceed the context's limits")
        if sequence.min() < 0 or sequence.max() >= self._sequences:
            raise ValueError("a sequence id outside those that decode")
        if token.min() < 0 or token.max() >= self._vocabulary or self._position[:rows].min() < 0:
            raise ValueError("a token outside the vocabulary or a negative position")
        self._struct.n_tokens = rows
        return self._struct


def _pointer(array: npt.NDArray[np.generic], field: str) -> object:
    kinds: dict[str, Any] = {entry[0]: entry[1] for entry in llama_cpp.llama_batch._fields_}
    return array.ctypes.data_as(kinds[field])
