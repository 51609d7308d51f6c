"""Keeps an answer from citing a search result that it was not shown: [n] is one of those in its prompt."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from chatbot.llm.llama.cited_text import CitedText
from chatbot.llm.llama.constraint import CHEAP, Mask, mask_of
from chatbot.llm.llama.token_bytes import AnswerTokens
from chatbot.llm.llama.vocabulary import Vocabulary

_WHOLE = re.compile(rb"\[[0-9]{1,2}\]")
_END = re.compile(rb"[0-9]{0,2}\]")

_KEPT = 64
"""Masks that are kept for each number of search results."""


class CitationTokens:
    """The tokens of a vocabulary that can end a citation: few, so each is looked at by itself."""

    def __init__(self, tokens: AnswerTokens) -> None:
        self.size = tokens.size
        closing = tokens.speaking.holding(ord("]"))
        self.whole = {token: piece for token, piece in closing.items() if _WHOLE.search(piece)}
        """Those that hold a whole citation."""
        self.last = {token: piece for token, piece in closing.items() if _END.match(piece)}
        """Those that may end one which earlier tokens have begun."""


class CitationMasks:
    """What may follow in answers of so many search results; safe to use from several threads."""

    def __init__(self, tokens: CitationTokens, hits: int) -> None:
        self.hits = hits
        self._tokens = tokens
        self._kept = lru_cache(maxsize=_KEPT)(self._made)

    def mask(self, text: CitedText) -> Mask | None:
        """The tokens that may follow the text; None for all."""
        return self._kept(text) if text.cited or self._tokens.whole else None

    def _made(self, text: CitedText) -> Mask | None:
        looked_at = dict(self._tokens.whole)
        if text.cited:
            looked_at |= self._tokens.last
        wrong = [token for token, piece in looked_at.items() if not text.after(piece, self.hits)[1]]
        return ~mask_of(np.array(wrong, dtype=np.intp), self._tokens.size) if wrong else None


class Citing:
    """Implements Constraint: an answer whose citations exist, code between fences apart."""

    complete = False
    mask_times = CHEAP

    def __init__(self, masks: CitationMasks, vocabulary: Vocabulary, begun: str) -> None:
        """``begun`` is what the answer begins with already."""
        self._masks = masks
        self._vocabulary = vocabulary
        self._text, _ = CitedText().after(begun.encode("utf-8", "replace"), masks.hits)

    def mask(self) -> Mask | None:
        """See Constraint."""
        return self._masks.mask(self._text)

    def advance(self, token: int) -> None:
        """See Constraint."""
        self._text, _ = self._text.after(self._vocabulary.piece(token), self._masks.hits)

    def possible(self, tokens: Sequence[int]) -> int:
        """See Constraint."""
        text = self._text
        for count, token in enumerate(tokens):
            text, fine = text.after(self._vocabulary.piece(token), self._masks.hits)
            if not fine:
                return count
        return len(tokens)
