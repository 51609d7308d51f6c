"""A GGUF file in memory: weights, vocabulary facts and the metadata that decides how it is run.

The only place that loads models; llama.cpp's own messages go to the ``chatbot.llm.llama`` logger.
"""

import ctypes
import logging
from pathlib import Path
from typing import Any

import llama_cpp

from chatbot.domain.vram import MIB, ModelFacts

_LOGGER = logging.getLogger("chatbot.llm.llama")
_LEVELS = {2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR}
"""llama.cpp's levels to Python's; its "info" is a page of load details, hence DEBUG."""

_HARMLESS = ("using full-size SWA cache", "its type will be overridden")
"""Warnings that call for nothing: the first is how Context wants it, the second the library mends itself."""

_TEXT_LIMIT = 65536


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
def _forward_log(level: int, text: bytes, _user_data: Any) -> None:
    line = text.decode("utf-8", "replace").strip()
    if line.strip("."):
        harmless = any(part in line for part in _HARMLESS)
        _LOGGER.log(logging.DEBUG if harmless else _LEVELS.get(level, logging.DEBUG), "%s", line)


class ModelFile:
    """A loaded model. ``n_swa`` is the sliding window in tokens, 0 without one."""

    def __init__(self, path: Path, *, gpu_layers: int = 0, gpu: int = 0) -> None:
        """Load ``path``; ``gpu_layers`` -1 puts all layers on card ``gpu``, 0 none.

        Raises:
            ValueError: the file is absent, or no model that this llama.cpp can load.
        """
        params = _parameters(path)
        params.n_gpu_layers = gpu_layers
        if gpu_layers:
            params.split_mode = llama_cpp.LLAMA_SPLIT_MODE_NONE
            params.main_gpu = gpu
        self.handle = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle:
            room = ", or the card has too little memory for it (GPU_LAYERS=auto takes what fits)"
            raise ValueError(
                f"{path} is no GGUF model that this llama.cpp can load{room if gpu_layers else ''}"
            )
        self.vocab = llama_cpp.llama_model_get_vocab(self.handle)
        self.n_vocab = int(llama_cpp.llama_vocab_n_tokens(self.vocab))
        self.n_swa = int(llama_cpp.llama_model_n_swa(self.handle))
        self.trained_context = int(llama_cpp.llama_model_n_ctx_train(self.handle))
        self.on_gpu = bool(gpu_layers)

    @property
    def chat_template(self) -> str | None:
        """The Jinja chat template in the file, None for a base model."""
        text: bytes | None = llama_cpp.llama_model_chat_template(self.handle, None)
        return text.decode("utf-8") if text else None

    def metadata(self, key: str) -> str | None:
        """A metadata value of the GGUF header as text, None when absent."""
        return _metadata(self.handle, key)

    def close(self) -> None:
        """Free the weights; the contexts made from them must be closed before."""
        if self.handle:
            llama_cpp.llama_model_free(self.handle)
            self.handle = None


def facts_of(path: Path) -> ModelFacts:
    """What the memory arithmetic needs of a file, from the library and without the weights, in 0.1 s.

    Raises:
        ValueError: as for ModelFile.
    """
    params = _parameters(path)
    params.no_alloc, params.load_mode = True, llama_cpp.LLAMA_LOAD_MODE_NONE
    params.n_gpu_layers = 0
    handle = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not handle:
        raise ValueError(f"{path} is no GGUF model that this llama.cpp can load")
    try:
        architecture = _metadata(handle, "general.architecture") or ""
        dimension = llama_cpp.llama_model_n_embd(handle) // llama_cpp.llama_model_n_head(handle)
        key, value = (
            int(_metadata(handle, f"{architecture}.attention.{name}_length") or dimension)
            for name in ("key", "value")
        )
        return ModelFacts(
            name=path.stem,
            architecture=architecture,
            file_mib=-(-int(llama_cpp.llama_model_size(handle)) // MIB),
            kv_heads=(int(llama_cpp.llama_model_n_head_kv(handle)),)
            * int(llama_cpp.llama_model_n_layer(handle)),
            key_dimension=key,
            value_dimension=value,
            trained_context=int(llama_cpp.llama_model_n_ctx_train(handle)),
            vocabulary=int(llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(handle))),
        )
    finally:
        llama_cpp.llama_model_free(handle)


def _parameters(path: Path) -> Any:
    """The library, ready to load ``path``, and its default parameters."""
    llama_cpp.llama_log_set(_forward_log, None)
    llama_cpp.llama_backend_init()
    if not path.is_file():
        raise ValueError(f"there is no model file at {path}")
    return llama_cpp.llama_model_default_params()


def _metadata(handle: Any, key: str) -> str | None:
    buffer = ctypes.create_string_buffer(_TEXT_LIMIT)
    length = llama_cpp.llama_model_meta_val_str(handle, key.encode(), buffer, _TEXT_LIMIT)
    return buffer.value.decode("utf-8", "replace") if length >= 0 else None
