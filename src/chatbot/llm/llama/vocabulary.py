"""Text to tokens and back, with the one rule that safety rests on: content never becomes a special token.

llama.cpp's tokenizer without special parsing still matches "user-defined" tokens, and some files mark turn
or end markers that way; so content is checked after tokenising and split inside whatever slipped through.
"""

import ctypes
import re
from collections import OrderedDict
from collections.abc import Sequence

import llama_cpp

from chatbot.llm.llama.model_file import ModelFile

_MARK = re.compile(r"<.+>|\[.+\]")

_CACHED_TEXTS = 4096
"""Texts whose tokens are kept: personas, rules and the turns of rooms come again with every question."""


class Vocabulary:
    """The tokenizer of a model file; safe to use from several threads."""

    def __init__(self, file: ModelFile) -> None:
        self._vocab = file.vocab
        self.size = file.n_vocab
        ids = range(self.size)
        self.end_tokens = frozenset(i for i in ids if llama_cpp.llama_vocab_is_eog(self._vocab, i))
        control = frozenset(i for i in ids if llama_cpp.llama_vocab_is_control(self._vocab, i))
        self.forbidden = control | self.end_tokens | self._marks()
        self.begin = int(llama_cpp.llama_vocab_bos(self._vocab))
        self.adds_begin = bool(llama_cpp.llama_vocab_get_add_bos(self._vocab)) and self.begin >= 0
        self._pieces: dict[int, bytes] = {}
        self._contents: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def name(self, token: int) -> str:
        """The token as the vocabulary writes it, such as ``<|eot_id|>``."""
        text: bytes | None = llama_cpp.llama_vocab_get_text(self._vocab, token)
        return (text or b"").decode("utf-8", "replace")

    def token_of(self, text: str) -> int | None:
        """The id of a special token written as ``text``, None when the vocabulary has none."""
        ids = self._tokenize(text, special=True)
        return ids[0] if len(ids) == 1 and ids[0] in self.forbidden else None

    def template(self, text: str) -> tuple[int, ...]:
        """Tokens of text that we or the model's template wrote; special tokens are recognised."""
        return self._tokenize(text, special=True)

    def content(self, text: str) -> tuple[int, ...]:
        """Tokens of foreign text: none of them is a control or end token, whatever the text says."""
        known = self._contents.get(text)
        if known is not None:
            return known
        tokens = self._harmless(text)
        self._contents[text] = tokens
        if len(self._contents) > _CACHED_TEXTS:
            self._contents.popitem(last=False)
        return tokens

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to an answer; control tokens add none."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token)
        return known

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out; for reports and tests."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def _marks(self) -> frozenset[int]:
        """User-defined tokens written like marks (<start_of_turn>, [INST]); others are runs of spaces."""
        marked = (
            token
            for token in range(self.size)
            if llama_cpp.llama_vocab_get_attr(self._vocab, token) & llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED
        )
        return frozenset(token for token in marked if _MARK.fullmatch(self.name(token)))

    def _harmless(self, text: str) -> tuple[int, ...]:
        tokens = self._tokenize(text, special=False)
        found = next((token for token in tokens if token in self.forbidden), None)
        if found is None:
            return tokens
        marker = self.name(found)
        cut = text.find(marker) + 1 if len(marker) > 1 else 0
        if cut < 1:
            return tuple(token for token in tokens if token not in self.forbidden)
        return self._harmless(text[:cut]) + self._harmless(text[cut:])

    def _tokenize(self, text: str, *, special: bool) -> tuple[int, ...]:
        data = text.encode("utf-8", "replace")
        if not data:
            return ()
        room = len(data) + 8
        buffer = (ctypes.c_int32 * room)()
        count = llama_cpp.llama_tokenize(self._vocab, data, len(data), buffer, room, False, special)
        if count < 0:
            raise ValueError("the tokenizer needs more tokens than the text has bytes")
        return tuple(buffer[:count])

    def _read_piece(self, token: int) -> bytes:
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            length = llama_cpp.llama_token_to_piece(self._vocab, token, buffer, size, 0, False)
            if length >= 0:
                return buffer.raw[:length]
            size = -length
