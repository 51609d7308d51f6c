"""Text to tokens and back, with the one rule that safety rests on: content never becomes a special token.

llama.cpp's tokenizer without special parsing still matches "user-defined" tokens, and some files mark turn
or end markers that way (and Gemma 3 marks HTML tags so); each such token in a content is replaced by ordinary
tokens of the same text.
"""

import ctypes
import re
from collections.abc import Iterator, Sequence

import llama_cpp

from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.token_cache import TokenCache

_MARK = re.compile(r"<.+>|\[.+\]")

SLICE = 2048
"""Characters of content that are tokenised in one call. In one call llama.cpp looks for marks in a time that
grows with the square of their number (64 KiB of "<td>": 2 s at once, 60 ms in slices), and the recursion of
some of its pre-tokenizers is as deep as the text is long."""

_CUT_WITHIN = 256
"""Characters at the end of a slice among which white space is looked for, to cut before it."""

_CACHED_BYTES = 24 * 2**20
"""Of texts whose tokens are kept: personas, rules and earlier turns come again with every question."""


def slices(content: str) -> Iterator[str]:
    """The text in slices of at most ``SLICE`` characters, cut between words where there are words.

    A slice depends on nothing behind it, so texts that begin alike have their first slices in common.
    """
    start = 0
    while len(content) - start > SLICE:
        stop = start + SLICE
        near = stop - _CUT_WITHIN
        space = max(content.rfind(" ", near, stop), content.rfind("\n", near, stop))
        stop = stop if space < 0 else space
        yield content[start:stop]
        start = stop
    yield content[start:]


class Vocabulary:
    """The tokenizer of a model file; safe to use from several threads."""

    def __init__(self, file: ModelFile) -> None:
        self._vocab = file.vocab
        self.size = file.n_vocab
        ids = range(self.size)
        self.end_tokens = frozenset(i for i in ids if llama_cpp.llama_vocab_is_eog(self._vocab, i))
        kinds = [llama_cpp.llama_vocab_get_attr(self._vocab, i) for i in ids]
        control = frozenset(i for i in ids if kinds[i] & llama_cpp.LLAMA_TOKEN_ATTR_CONTROL)
        # User-defined tokens written like marks (<start_of_turn>, [INST]); others are runs of spaces.
        user_defined = (i for i in ids if kinds[i] & llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED)
        marks = frozenset(i for i in user_defined if _MARK.fullmatch(self.name(i)))
        self.forbidden = control | self.end_tokens | marks
        self.begin = int(llama_cpp.llama_vocab_bos(self._vocab))
        self.adds_begin = bool(llama_cpp.llama_vocab_get_add_bos(self._vocab)) and self.begin >= 0
        self._pieces: dict[int, bytes] = {}
        self._contents = TokenCache(_CACHED_BYTES)
        self._templates = TokenCache(_CACHED_BYTES)
        self._spellings: dict[int, tuple[int, ...]] = {}
        # Shorter ones first: the text of a mark may hold another.
        for token in sorted(marks | self.end_tokens, key=lambda token: len(self.piece(token))):
            self._spellings[token] = self._spelling(token)

    @property
    def handle(self) -> object:
        """The vocabulary as the library's own samplers take it."""
        return self._vocab

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
        return self._templates.get(text, lambda: self._tokenize(text, special=True))

    def content(self, text: str) -> tuple[int, ...]:
        """Tokens of foreign text: none of them is a control or end token, whatever the text says."""
        return tuple(token for part in slices(text) for token in self.content_slice(part))

    def content_slice(self, text: str) -> tuple[int, ...]:
        """Tokens of one of the ``slices`` of foreign text, for who may not need them all."""
        return self._contents.get(text, lambda: self._harmless(text))

    def piece(self, token: int) -> bytes:
        """The bytes that a token adds to an answer; control tokens add none."""
        known = self._pieces.get(token)
        if known is None:
            known = self._pieces[token] = self._read_piece(token)
        return known

    def pieces(self) -> list[bytes]:
        """The pieces of all tokens, by id; takes a second for a large vocabulary."""
        return [self._pieces.get(token) or self._read_piece(token) for token in range(self.size)]

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, special ones left out; for reports and tests."""
        return b"".join(self.piece(token) for token in tokens).decode("utf-8", "replace")

    def _harmless(self, text: str) -> tuple[int, ...]:
        tokens = self._tokenize(text, special=False)
        if self.forbidden.isdisjoint(tokens):
            return tokens
        spelt = (self._spellings.get(token, ()) if token in self.forbidden else (token,) for token in tokens)
        return tuple(token for part in spelt for token in part)

    def _spelling(self, token: int) -> tuple[int, ...]:
        """Ordinary tokens of a mark's text, which is no mark any more when cut after its first character."""
        text = self.piece(token).decode("utf-8", "replace")
        return self._harmless(text[:1]) + self._harmless(text[1:]) if len(text) > 1 else ()

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
