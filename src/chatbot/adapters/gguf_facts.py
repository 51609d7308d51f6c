"""Reads from a GGUF header what the VRAM arithmetic needs; the weights themselves are not read."""

from pathlib import Path
from typing import Any

from chatbot.domain.vram import MIB, ModelFacts

_MOST_LAYERS = 10_000
"""More than any model has; the facts keep a number for each."""


class NotAModel(Exception):
    """The file is no GGUF file, is cut off, or lacks a fact; the message is one sentence."""


def read_facts(path: Path) -> ModelFacts:
    """The facts of one file.

    Raises:
        NotAModel: see there.
    """
    try:
        return _facts(path)
    except NotAModel:
        raise
    except Exception as error:
        # The library checks nothing: what a broken file makes it raise is of any kind.
        raise NotAModel(f"{path} is not a readable GGUF file ({type(error).__name__})") from error


def _facts(path: Path) -> ModelFacts:
    from gguf import GGUFReader

    reader = GGUFReader(path)

    def field(name: str) -> Any:
        found = reader.get_field(name)
        return None if found is None else found.contents()

    architecture = field("general.architecture")
    if not isinstance(architecture, str):
        raise NotAModel(f"{path} does not say its architecture")

    def number(name: str) -> int | None:
        value = field(f"{architecture}.{name}")
        return None if value is None else int(value)

    layers, heads, width = (
        number(name) for name in ("block_count", "attention.head_count", "embedding_length")
    )
    if layers is None or heads is None or width is None:
        raise NotAModel(f"{path} ({architecture}) does not say its layers, heads or width")
    if not 0 < layers <= _MOST_LAYERS or heads <= 0:
        raise NotAModel(f"{path} ({architecture}) names {layers} layers of {heads} heads")
    kv_heads = field(f"{architecture}.attention.head_count_kv")
    listed = list(kv_heads) if isinstance(kv_heads, list) else [kv_heads or heads] * layers
    dimension = width // heads
    tokens = reader.get_field("tokenizer.ggml.tokens")
    return ModelFacts(
        name=str(field("general.name") or path.stem),
        architecture=architecture,
        file_mib=-(-path.stat().st_size // MIB),
        kv_heads=tuple(int(count) for count in listed),
        key_dimension=number("attention.key_length") or dimension,
        value_dimension=number("attention.value_length") or dimension,
        trained_context=number("context_length") or 0,
        vocabulary=0 if tokens is None else len(tokens.data),
    )
