"""Writes random-weight GGUF models for tests: real llama.cpp, real tokenizer, one megabyte.

The vocabulary is byte-level with Llama 3's special tokens, so any text can be tokenised and any token can
be spoken; the weights are random but fixed by a seed. With ``WIDE`` a model has as many tokens as Llama 3,
which is what sampling costs are measured on.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np
import numpy.typing as npt

SPECIALS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<start_of_turn>",
    "<end_of_turn>",
)
WIDE = 128_256

Tensor = tuple[str, npt.NDArray[np.float32] | npt.NDArray[np.uint8], gguf.GGMLQuantizationType | None]
"""A name, its numbers, and their type where they are blocks of quantised ones."""


@dataclass(frozen=True)
class Plan:
    """What to generate. ``window`` above 0 makes a Gemma 3 with that sliding window, else a Llama.

    ``marks`` types <start_of_turn> as user-defined, as some converters do: it is then matched in any text.
    """

    vocabulary: int = 512
    embedding: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    window: int = 0
    template: str | None = None
    llama3: bool = True
    marks: bool = False
    seed: int = 1
    feed_forward: int = 0
    """Inner size of the feed-forward layers; 0 is twice the embedding."""
    quantised: bool = False
    """Matrices of random blocks in the types of a Q4_K_M file, so that a step costs what it would cost."""

    @property
    def inner(self) -> int:
        """Inner size of the feed-forward layers."""
        return self.feed_forward or 2 * self.embedding


def write_model(path: Path, plan: Plan) -> Path:
    """Write the model of ``plan`` to ``path`` and return it."""
    architecture = "gemma3" if plan.window else "llama"
    writer = gguf.GGUFWriter(path, architecture)
    head = plan.embedding // plan.heads
    writer.add_name(f"random {architecture}")
    writer.add_context_length(8192)
    writer.add_embedding_length(plan.embedding)
    writer.add_block_count(plan.layers)
    writer.add_feed_forward_length(plan.inner)
    writer.add_head_count(plan.heads)
    writer.add_head_count_kv(plan.kv_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(plan.vocabulary)
    if plan.window:
        writer.add_sliding_window(plan.window)
    else:
        writer.add_rope_dimension_count(head)
    _add_vocabulary(writer, plan)
    for name, tensor, kind in _tensors(plan, head):
        writer.add_tensor(name, tensor, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def byte_letters() -> list[str]:
    """The printable stand-ins of the 256 bytes in GPT-2's alphabet, by byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {}, 256
    for byte in range(256):
        if byte in printable:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(extra)
            extra += 1
    return [letters[byte] for byte in range(256)]


def _add_vocabulary(writer: gguf.GGUFWriter, plan: Plan) -> None:
    specials = SPECIALS if plan.llama3 else ("<s>", "</s>")
    words = [*byte_letters(), *specials]
    types = [gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * len(specials)
    if plan.marks:
        types[256 + SPECIALS.index("<start_of_turn>")] = gguf.TokenType.USER_DEFINED
    words += [f"w{number}" for number in range(plan.vocabulary - len(words))]
    types += [gguf.TokenType.NORMAL] * (plan.vocabulary - len(types))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(words)
    writer.add_token_types(types)
    # The tokenizer wants at least one merge rule; "w0" is the filler that this one makes.
    writer.add_token_merges(["w 0"])
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(260 if plan.llama3 else 257)
    writer.add_add_bos_token(True)
    if plan.template is not None:
        writer.add_chat_template(plan.template)


def _tensors(plan: Plan, head: int) -> Iterator[Tensor]:
    random = np.random.default_rng(plan.seed)
    size = plan.embedding
    finer = gguf.GGMLQuantizationType.Q6_K
    coarser = gguf.GGMLQuantizationType.Q4_K

    def matrix(name: str, rows: int, columns: int, *, scale: float = 1.5, fine: bool = False) -> Tensor:
        deviation = scale / columns**0.5
        if plan.quantised:
            kind = finer if fine else coarser
            return name, random_blocks(random, rows, columns, kind, deviation), kind
        drawn = random.standard_normal((rows, columns)) * deviation
        return name, np.asarray(drawn, dtype=np.float32), None

    def ones(name: str, count: int) -> Tensor:
        return name, np.ones(count, dtype=np.float32), None

    yield matrix("token_embd.weight", plan.vocabulary, size, scale=size**0.5)
    yield ones("output_norm.weight", size)
    # Not tied to the embedding: a tied random model repeats the last token for ever. Special tokens get
    # logits near zero, so that random answers seldom end by themselves.
    name, output, kind = matrix("output.weight", plan.vocabulary, size, scale=size**0.5, fine=True)
    special = slice(256, 256 + len(SPECIALS))
    output[special] = output[special] * 0.01 if kind is None else 0
    yield name, output, kind
    for layer in range(plan.layers):
        block = f"blk.{layer}"
        fine = layer % 2 == 0
        yield ones(f"{block}.attn_norm.weight", size)
        yield matrix(f"{block}.attn_q.weight", plan.heads * head, size)
        yield matrix(f"{block}.attn_k.weight", plan.kv_heads * head, size)
        yield matrix(f"{block}.attn_v.weight", plan.kv_heads * head, size, fine=fine)
        yield matrix(f"{block}.attn_output.weight", size, plan.heads * head)
        yield ones(f"{block}.ffn_norm.weight", size)
        yield matrix(f"{block}.ffn_gate.weight", plan.inner, size)
        yield matrix(f"{block}.ffn_up.weight", plan.inner, size)
        yield matrix(f"{block}.ffn_down.weight", size, plan.inner, fine=fine)
        if plan.window:
            yield ones(f"{block}.post_attention_norm.weight", size)
            yield ones(f"{block}.post_ffw_norm.weight", size)
            yield ones(f"{block}.attn_q_norm.weight", head)
            yield ones(f"{block}.attn_k_norm.weight", head)


def random_blocks(
    random: np.random.Generator, rows: int, columns: int, kind: gguf.GGMLQuantizationType, deviation: float
) -> npt.NDArray[np.uint8]:
    """Rows of a quantised matrix whose numbers have mean 0 and about this standard deviation.

    Everything in a block is random but its half-precision scales (ggml-common.h: block_q4_K begins with d and
    dmin, block_q6_K ends with d). Uniform bits give Q4_K numbers of deviation 258 d around 236 d - 31.5 dmin,
    Q6_K numbers of deviation 1369 d around 0.
    """
    numbers, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (rows, columns // numbers, size), dtype=np.uint8)
    if kind is gguf.GGMLQuantizationType.Q4_K:
        scales, at = np.array([deviation / 258, 7.5 * deviation / 258], dtype=np.float16), slice(0, 4)
    else:
        scales, at = np.array([deviation / 1369], dtype=np.float16), slice(size - 2, size)
    blocks[..., at] = scales.view(np.uint8)
    return blocks.reshape(rows, -1)
