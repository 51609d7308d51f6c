"""Writes random-weight GGUF models for tests: real llama.cpp, real tokenizer, one megabyte.

The vocabulary is byte-level with Llama 3's special tokens, so any text can be tokenised and any token can
be spoken; the weights are random but fixed by a seed. With ``WIDE`` a model has as many tokens as Llama 3,
which is what sampling costs are measured on.
"""

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


def write_model(path: Path, plan: Plan) -> Path:
    """Write the model of ``plan`` to ``path`` and return it."""
    architecture = "gemma3" if plan.window else "llama"
    writer = gguf.GGUFWriter(path, architecture)
    head = plan.embedding // plan.heads
    writer.add_name(f"random {architecture}")
    writer.add_context_length(8192)
    writer.add_embedding_length(plan.embedding)
    writer.add_block_count(plan.layers)
    writer.add_feed_forward_length(2 * plan.embedding)
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
    for name, tensor in _tensors(plan, head):
        writer.add_tensor(name, tensor)
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


def _tensors(plan: Plan, head: int) -> list[tuple[str, npt.NDArray[np.float32]]]:
    random = np.random.default_rng(plan.seed)
    size, inner = plan.embedding, 2 * plan.embedding

    def weight(rows: int, columns: int) -> npt.NDArray[np.float32]:
        drawn = random.standard_normal((rows, columns)) * (1.5 / columns**0.5)
        return np.asarray(drawn, dtype=np.float32)

    def ones(count: int) -> npt.NDArray[np.float32]:
        return np.ones(count, dtype=np.float32)

    embedding = random.standard_normal((plan.vocabulary, size)).astype(np.float32)
    # Not tied to the embedding: a tied random model repeats the last token for ever. Special tokens get
    # logits near zero, so that random answers seldom end by themselves.
    output = random.standard_normal((plan.vocabulary, size)).astype(np.float32)
    output[256 : 256 + len(SPECIALS)] *= 0.01
    tensors = [
        ("token_embd.weight", embedding),
        ("output_norm.weight", ones(size)),
        ("output.weight", output),
    ]
    for layer in range(plan.layers):
        block = f"blk.{layer}"
        tensors += [
            (f"{block}.attn_norm.weight", ones(size)),
            (f"{block}.attn_q.weight", weight(plan.heads * head, size)),
            (f"{block}.attn_k.weight", weight(plan.kv_heads * head, size)),
            (f"{block}.attn_v.weight", weight(plan.kv_heads * head, size)),
            (f"{block}.attn_output.weight", weight(size, plan.heads * head)),
            (f"{block}.ffn_norm.weight", ones(size)),
            (f"{block}.ffn_gate.weight", weight(inner, size)),
            (f"{block}.ffn_up.weight", weight(inner, size)),
            (f"{block}.ffn_down.weight", weight(size, inner)),
        ]
        if plan.window:
            tensors += [
                (f"{block}.post_attention_norm.weight", ones(size)),
                (f"{block}.post_ffw_norm.weight", ones(size)),
                (f"{block}.attn_q_norm.weight", ones(head)),
                (f"{block}.attn_k_norm.weight", ones(head)),
            ]
    return tensors
