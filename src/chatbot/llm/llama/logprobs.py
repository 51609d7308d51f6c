"""How likely the model found the tokens of an answer, for a client that asks (OpenAI's ``logprobs``)."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from chatbot.domain.messages import LikelyToken, TokenLogprobs
from chatbot.llm.llama.best_tokens import best_tokens
from chatbot.llm.llama.context import Logits
from chatbot.llm.llama.detokenizer import Detokenizer
from chatbot.llm.llama.vocabulary import Vocabulary


def logprobs_of(row: Logits, token: int, alternatives: int, vocabulary: Vocabulary) -> TokenLogprobs:
    """What a row that no sampler has changed says of a token, and of so many of the likeliest ones."""
    total = _log_of_sum(row)

    def likely(of: int) -> LikelyToken:
        # An end token adds nothing to an answer, but is often the likeliest of those that were not chosen.
        piece = vocabulary.piece(of) or vocabulary.name(of).encode()
        return LikelyToken(piece, float(row[of]) - total)

    best = best_tokens(row, alternatives) if alternatives else np.empty(0, dtype=np.intp)
    # Of equally likely ones the lower id comes first.
    likeliest = best[np.argsort(-row[best], kind="stable")][:alternatives]
    return TokenLogprobs(likely(token), tuple(likely(int(other)) for other in likeliest))


def _log_of_sum(row: Logits) -> float:
    """The logarithm of the sum of the row's exponentials, without overflow."""
    largest = row.max()
    return float(largest) + float(np.log(np.exp(row - largest).sum(dtype=np.float64)))


class ShownTokens:
    """The tokens of the text that the client sees; each is told once, when its last byte is certain.

    The seen text is one stretch of what the tokens say: white space may be left out before it, a stop string
    ends it. Of a token that is seen in part that part is told, so that all bytes that are told are the text.
    """

    def __init__(self, alternatives: int) -> None:
        """``alternatives`` is how many of the likeliest tokens are told beside each one."""
        self.alternatives = alternatives
        self._detokenizer = Detokenizer()
        # Texts that are not settled, with the bytes that each stands for: that are no UTF-8, it differs.
        self._texts: deque[tuple[str, int]] = deque()
        # Tokens that are not settled; of the first so many bytes are, and these of them are seen.
        self._tokens: deque[TokenLogprobs] = deque()
        self._settled = 0
        self._seen = b""
        self._skipped = 0

    def add(self, piece: bytes, told: TokenLogprobs) -> None:
        """A token was chosen; a piece without bytes is never seen."""
        if not piece:
            return
        before = self._detokenizer.pending
        text = self._detokenizer.feed(piece)
        self._texts.append((text, before + len(piece) - self._detokenizer.pending))
        self._tokens.append(told)

    def settle(self, skipped: int, seen: str) -> tuple[TokenLogprobs, ...]:
        """The client sees a further text; before the first one so many characters were left out.

        Returns:
            The tokens that are settled by this.
        """
        left_out, self._skipped = skipped - self._skipped, skipped
        list(self._advance(self._bytes_of(left_out), seen=False))
        return tuple(self._advance(self._bytes_of(len(seen)), seen=True))

    def end(self) -> tuple[TokenLogprobs, ...]:
        """The client sees nothing more: the last token, if it saw only a part of it."""
        return (self._part(),) if self._seen else ()

    def _bytes_of(self, characters: int) -> int:
        count = 0
        while characters:
            text, size = self._texts.popleft()
            if len(text) > characters:
                part = min(len(text[:characters].encode()), size)
                self._texts.appendleft((text[characters:], size - part))
                return count + part
            characters -= len(text)
            count += size
        return count

    def _advance(self, count: int, *, seen: bool) -> Iterator[TokenLogprobs]:
        while count:
            piece = self._tokens[0].chosen.piece
            part = piece[self._settled : self._settled + count]
            count -= len(part)
            self._settled += len(part)
            self._seen += part if seen else b""
            if self._settled == len(piece):
                if self._seen:
                    yield self._part()
                self._tokens.popleft()
                self._settled, self._seen = 0, b""

    def _part(self) -> TokenLogprobs:
        told = self._tokens[0]
        return TokenLogprobs(LikelyToken(self._seen, told.chosen.logprob), told.alternatives)
