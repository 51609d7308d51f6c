"""The KV cells of the context, counted exactly.

llama.cpp tells no one how many cells are in use, yet admission, eviction and preemption all depend on it.
So every operation on its memory goes through here and is mirrored: each sequence holds an array of cell
handles, each handle a count of the sequences that share it. ``agrees`` compares with the library's own
positions.
"""

import ctypes
from collections.abc import Iterable

import llama_cpp
import numpy as np
import numpy.typing as npt

MAX_SEQUENCES = 256
"""llama.cpp's LLAMA_MAX_SEQ: a higher id in a memory call aborts the process."""

Handles = npt.NDArray[np.int32]
State = npt.NDArray[np.uint8]
"""What the pool holds of some tokens, as the library writes it."""


class Memory:
    """All sequences of one context; ids from 0 to ``MAX_SEQUENCES`` - 1."""

    def __init__(self, context: object, total: int, scratch: int) -> None:
        """``scratch`` is a sequence id that nobody uses, below the context's n_seq_max."""
        self._context = context
        self._scratch = scratch
        self._memory: object | None = llama_cpp.llama_get_memory(context)
        self.total = total
        self._shares = np.zeros(total, dtype=np.int32)
        self._stack = np.arange(total, dtype=np.int32)
        self._free = total
        self._cells: list[Handles] = [np.empty(0, dtype=np.int32) for _ in range(MAX_SEQUENCES)]
        self._lengths = [0] * MAX_SEQUENCES
        # Whether the library has cut sequences so far wherever it was asked to; some models' memory cannot.
        self.cuts = True

    def detach(self) -> None:
        """The context is gone: go on counting, call the library no more."""
        self._memory = None

    @property
    def free(self) -> int:
        """Cells that hold nothing."""
        return self._free

    @property
    def used(self) -> int:
        """Cells that at least one sequence holds."""
        return self.total - self._free

    def length(self, sequence: int) -> int:
        """Tokens that the sequence holds; its next position."""
        return self._lengths[sequence]

    def appended(self, sequence: int, count: int) -> None:
        """Mirror ``count`` more tokens of the sequence, each in a cell of its own."""
        if count > self._free:
            raise RuntimeError(f"{count} cells taken, {self._free} were free: the count is wrong")
        length = self._lengths[sequence]
        cells = self._cells[sequence]
        if length + count > len(cells):
            grown = np.empty(max(64, 2 * (length + count)), dtype=np.int32)
            grown[:length] = cells[:length]
            cells = self._cells[sequence] = grown
        taken = self._stack[self._free - count : self._free]
        cells[length : length + count] = taken
        self._shares[taken] = 1
        self._free -= count
        self._lengths[sequence] = length + count

    def share(self, source: int, target: int, count: int) -> None:
        """Give the first ``count`` tokens of ``source`` to the ``target``, which keeps what it shares."""
        self._check(source, target)
        start = self._lengths[target]
        if not start <= count <= self._lengths[source]:
            raise RuntimeError(f"cannot share {count} of {self._lengths[source]} tokens onto {start}")
        if self._memory is not None:
            llama_cpp.llama_memory_seq_cp(self._memory, source, target, start, count)
        cells = self._cells[source][:count].copy()
        self._shares[cells[start:]] += 1
        self._cells[target] = cells
        self._lengths[target] = count

    def truncate(self, sequence: int, count: int) -> bool:
        """Cut the sequence after its first ``count`` tokens; 0 empties it, which always works.

        False, and nothing cut, when this model's memory can only be emptied.
        """
        self._check(sequence)
        length = self._lengths[sequence]
        if count >= length:
            return True
        if self._memory is not None and not llama_cpp.llama_memory_seq_rm(self._memory, sequence, count, -1):
            self.cuts = False
            return False
        lost = self._cells[sequence][count:length]
        self._shares[lost] -= 1
        freed = lost[self._shares[lost] == 0]
        self._stack[self._free : self._free + len(freed)] = freed
        self._free += len(freed)
        self._lengths[sequence] = count
        return True

    def save(self, sequence: int, start: int, stop: int) -> State | None:
        """Copy what the sequence holds of positions ``start`` to ``stop``; None when the library cannot."""
        self._check(sequence)
        if self._memory is None:
            return None
        # The library writes the ids below n_seq_max only, and parked sequences lie above.
        llama_cpp.llama_memory_seq_cp(self._memory, sequence, self._scratch, start, stop)
        state = np.empty(int(llama_cpp.llama_state_seq_get_size(self._context, self._scratch)), np.uint8)
        written = llama_cpp.llama_state_seq_get_data(
            self._context, _bytes(state), state.nbytes, self._scratch
        )
        llama_cpp.llama_memory_seq_rm(self._memory, self._scratch, -1, -1)
        return state if state.nbytes and int(written) == state.nbytes else None

    def load(self, state: State, sequence: int, *, cells: int, stop: int) -> bool:
        """Append from a saved state of ``cells`` tokens what the sequence lacks before position ``stop``.

        False, and nothing appended, when the pool has no room for all of the state.
        """
        self._check(sequence)
        if self._memory is None or cells > self._free:
            return False
        read = int(
            llama_cpp.llama_state_seq_set_data(self._context, _bytes(state), state.nbytes, self._scratch)
        )
        if read:
            length = self._lengths[sequence]
            llama_cpp.llama_memory_seq_cp(self._memory, self._scratch, sequence, length, stop)
            self.appended(sequence, stop - length)
        llama_cpp.llama_memory_seq_rm(self._memory, self._scratch, -1, -1)
        return read > 0

    def held(self, sequences: Iterable[int]) -> int:
        """Cells that these sequences hold together, shared ones counted once."""
        mask = np.zeros(self.total, dtype=np.bool_)
        for sequence in sequences:
            mask[self._cells[sequence][: self._lengths[sequence]]] = True
        return int(np.count_nonzero(mask))

    def first_position(self, sequence: int) -> int:
        """The library's lowest position of the sequence (its sliding-window part), -1 when empty."""
        self._check(sequence)
        if self._memory is None:
            return -1
        return int(llama_cpp.llama_memory_seq_pos_min(self._memory, sequence))

    def last_position(self, sequence: int) -> int:
        """The library's highest position of the sequence, -1 when empty."""
        self._check(sequence)
        if self._memory is None:
            return -1
        return int(llama_cpp.llama_memory_seq_pos_max(self._memory, sequence))

    def agrees(self, sequence: int) -> bool:
        """Whether the library ends the sequence where the mirror does."""
        return self.last_position(sequence) == self._lengths[sequence] - 1

    def resync(self, sequence: int, planned: int) -> None:
        """After an aborted decode: take over what the library kept of ``planned`` further tokens."""
        kept = self.last_position(sequence) + 1 - self._lengths[sequence]
        if 0 < kept <= planned:
            self.appended(sequence, kept)
        elif kept < 0:
            self.truncate(sequence, self._lengths[sequence] + kept)

    def _check(self, *sequences: int) -> None:
        for sequence in sequences:
            if not 0 <= sequence < MAX_SEQUENCES:
                raise RuntimeError(f"sequence id {sequence} would abort the process")


def _bytes(state: State) -> object:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
