"""The bytes of all tokens of a vocabulary, in a form in which numpy runs through them at once.

What an answer's next token may be is often a question about the bytes that it adds: asked of every token, one
after another, it would take most of a second for each state of the text.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from chatbot.llm.llama.best_tokens import TokenIds
from chatbot.llm.llama.constraint import Mask, mask_of

States = npt.NDArray[np.uint16]
"""A state of an automaton for each token."""

Transitions = npt.NDArray[np.uint16]
"""The next state for each state (row) and byte (column)."""


class TokenBytes:
    """Tokens of a vocabulary that add bytes to an answer; about 25 bytes of memory a token."""

    def __init__(self, tokens: TokenIds, pieces: Sequence[bytes]) -> None:
        """``pieces`` are the bytes of the tokens, in the same order; none is empty."""
        lengths = np.fromiter(map(len, pieces), dtype=np.int32, count=len(pieces))
        self._tokens = tokens
        self._data = np.frombuffer(b"".join(pieces), dtype=np.uint8)
        self._ends = np.cumsum(lengths, dtype=np.int32)
        self._starts = self._ends - lengths
        # Longest first, so that those which have an n-th byte are always the first so many.
        order = np.argsort(-lengths, kind="stable")
        self._longest_first = tokens[order]
        counts = len(pieces) - np.searchsorted(np.sort(lengths), np.arange(lengths.max(initial=0)), "right")
        self._columns = [self._data[self._starts[order[:count]] + at] for at, count in enumerate(counts)]

    def holding(self, byte: int) -> dict[int, bytes]:
        """The tokens that hold this byte, with all of their bytes."""
        places = np.unique(np.searchsorted(self._ends, np.flatnonzero(self._data == byte), "right"))
        return {int(self._tokens[place]): self._piece(place) for place in places}

    def beginning(self, first: int, last: int) -> "TokenBytes":
        """The tokens whose first byte is in this range, both ends in it."""
        begin = self._data[self._starts]
        places = np.flatnonzero((first <= begin) & (begin <= last))
        return TokenBytes(self._tokens[places], [self._piece(place) for place in places])

    def run(self, transitions: Transitions, state: int) -> tuple[TokenIds, States]:
        """Let an automaton read each token from a state on.

        Returns:
            The tokens in some order, and the state behind each.
        """
        width = transitions.shape[1]
        table = transitions.ravel()
        states = np.full(len(self._tokens), state, dtype=np.uint16)
        for column in self._columns:
            reading = states[: len(column)].astype(np.int32)
            states[: len(column)] = table[reading * width + column]
        return self._longest_first, states

    def _piece(self, place: np.intp) -> bytes:
        return self._data[self._starts[place] : self._ends[place]].tobytes()


class AnswerTokens:
    """What each token of a vocabulary does to an answer; made once for each vocabulary."""

    def __init__(self, pieces: Iterable[bytes], ends: Collection[int]) -> None:
        """``pieces`` are the bytes of all tokens by id, ``ends`` the tokens that end an answer."""
        parts = list(pieces)
        self.size = len(parts)
        silent = [not piece or token in ends for token, piece in enumerate(parts)]
        speaking = np.flatnonzero(~np.array(silent))
        self.speaking = TokenBytes(speaking, [parts[token] for token in speaking])
        """Those that add bytes and end nothing."""
        self.tails = self.speaking.beginning(0x80, 0xBF)
        """Those of them that go on within a character."""
        self.silent: Mask = mask_of(np.flatnonzero(silent), self.size)
        """Those that end the answer, and control tokens, which add nothing."""
