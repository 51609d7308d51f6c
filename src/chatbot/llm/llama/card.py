"""The memory of a card, from llama.cpp's own list of devices, so that the index means the same card."""

import ctypes
from dataclasses import dataclass

from llama_cpp.llama_cpp import _lib as libllama

from chatbot.domain.vram import MIB

_GPU = 1
"""GGML_BACKEND_DEVICE_TYPE_GPU: llama.cpp's ``main_gpu`` counts the devices of this type."""


@dataclass(frozen=True, slots=True)
class CardMemory:
    """Memory of a card, as its driver tells it."""

    free_mib: int
    """MiB that nobody has taken."""
    total_mib: int
    """MiB of the card."""


def card_memory(gpu: int) -> CardMemory | None:
    """The memory of card ``gpu``; None when llama.cpp has no GPU support or sees no such card."""
    libllama.ggml_backend_dev_get.restype = ctypes.c_void_p
    libllama.ggml_backend_dev_count.restype = ctypes.c_size_t
    every = [
        ctypes.c_void_p(libllama.ggml_backend_dev_get(ctypes.c_size_t(index)))
        for index in range(libllama.ggml_backend_dev_count())
    ]
    cards = [device for device in every if libllama.ggml_backend_dev_type(device) == _GPU]
    if gpu >= len(cards):
        return None
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    libllama.ggml_backend_dev_memory(cards[gpu], ctypes.byref(free), ctypes.byref(total))
    return CardMemory(free.value // MIB, total.value // MIB)
