"""One llama.cpp context for all users: a unified KV pool, one batch, one decode call at a time.

Only the engine's thread may touch it; a context is not thread-safe.
"""

import ctypes
from dataclasses import dataclass

import llama_cpp
import numpy as np
import numpy.typing as npt

from chatbot.llm.llama.batch import Batch
from chatbot.llm.llama.memory import MAX_SEQUENCES, Memory
from chatbot.llm.llama.model_file import ModelFile

Logits = npt.NDArray[np.float32]

_CELL_BLOCK = 256
"""llama.cpp rounds a context up to this many cells."""


@dataclass(frozen=True, slots=True)
class ContextShape:
    """How a context is cut."""

    pool: int
    """Cells of the KV pool, one token each."""
    sequences: int
    """Sequences that decode at once."""
    rows: int
    """Most tokens of one call."""
    threads: int
    outputs: int = 0
    """Most rows of logits of one call, where that is more than one for each sequence."""
    exact: bool = False
    """Trade speed for arithmetic that does not depend on the batch's shape, as far as llama.cpp can: flash
    attention off and a 32-bit KV pool. Only tests want it."""


class DecodeError(Exception):
    """llama_decode refused or failed; ``code`` is its return value."""

    def __init__(self, code: int) -> None:
        super().__init__(f"llama_decode returned {code}")
        self.code = code


class Context:
    """The context, its batch and the count of its cells."""

    def __init__(self, file: ModelFile, shape: ContextShape) -> None:
        """Make the context.

        Raises:
            ValueError: llama.cpp could not make it, mostly for want of memory.
        """
        pool = -(-shape.pool // _CELL_BLOCK) * _CELL_BLOCK
        rows = min(shape.rows, pool)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = pool
        params.n_batch = params.n_ubatch = rows
        params.n_seq_max = shape.sequences + 1  # the last one is the memory's own, see Memory.save
        # The default reserves logits for every row of a batch: 250 MiB on a 128k vocabulary. The library asks
        # for one of each sequence.
        params.n_outputs_max = max(params.n_seq_max, shape.outputs)
        params.n_threads = params.n_threads_batch = shape.threads
        params.kv_unified = True
        params.swa_full = True
        params.no_perf = True
        if shape.exact:
            params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
            params.type_k = params.type_v = llama_cpp.GGML_TYPE_F32
        self._handle = llama_cpp.llama_init_from_model(file.handle, params)
        if not self._handle:
            raise ValueError(f"no memory for a KV pool of {pool} tokens; lower POOL_TOKENS")
        self.vocabulary = file.n_vocab
        self.memory = Memory(self._handle, int(llama_cpp.llama_n_ctx(self._handle)), scratch=shape.sequences)
        outputs = max(shape.sequences, shape.outputs)
        self.batch = Batch(rows, outputs, shape.sequences, file.n_vocab)

    @property
    def handle(self) -> object:
        """The context as the library's own sampling functions take it."""
        return self._handle

    def decode(self) -> None:
        """Run the batch; afterwards ``logits`` holds its output rows.

        Raises:
            ValueError: the batch breaks a rule whose breach would abort the process.
            DecodeError: llama.cpp's return value, if not 0.
        """
        code = int(llama_cpp.llama_decode(self._handle, self.batch.checked()))
        if code:
            raise DecodeError(code)
        llama_cpp.llama_synchronize(self._handle)

    def logits(self) -> Logits:
        """The output rows of the last call, in batch order; a view that the next call overwrites."""
        pointer = llama_cpp.llama_get_logits(self._handle)
        # np.ctypeslib.as_array would make ctypes types anew in every step.
        kind = ctypes.c_float * (self.batch.outputs * self.vocabulary)
        numbers = memoryview(kind.from_address(ctypes.addressof(pointer.contents)))
        return np.frombuffer(numbers, dtype=np.float32).reshape(self.batch.outputs, self.vocabulary)

    def close(self) -> None:
        """Free the context."""
        if self._handle:
            self.memory.detach()
            llama_cpp.llama_free(self._handle)
            self._handle = None


def parking_ids(sequences: int) -> range:
    """Sequence ids that cannot decode and so only keep cells: rooms and guards."""
    return range(sequences + 1, MAX_SEQUENCES)
