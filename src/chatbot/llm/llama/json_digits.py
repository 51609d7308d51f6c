"""Lets no number in JSON have digits without end, which a small model may write until its limit.

llguidance has no option for it, and a schema cannot say it: its numbers may be 1e300 as well as 0.1. So the
answer is followed for where it is in its JSON, and a digit too many is not allowed there. A number can always
end behind a digit; where a form asks for more of them all the same, it decides (see Together).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from chatbot.llm.llama.constraint import CHEAP, Mask, mask_of
from chatbot.llm.llama.token_bytes import AnswerTokens
from chatbot.llm.llama.vocabulary import Vocabulary

MOST_DIGITS = 20
"""In a row: before the point, behind it, and of an exponent. A double has 17 that count."""

_DIGITS = b"0123456789"
_QUOTE, _BACKSLASH = b'"\\'


class _JsonEnd(NamedTuple):
    """Where in its JSON an answer has come to."""

    quoted: bool = False
    """In a string."""
    escaped: bool = False
    """Behind a backslash there."""
    digits: int = 0
    """So many stand at the end, outside of strings."""

    def after(self, piece: bytes) -> "_JsonEnd":
        place = self
        for byte in piece:
            place = place._with(byte)
        return place

    def _with(self, byte: int) -> "_JsonEnd":
        if self.quoted:
            if self.escaped or byte == _BACKSLASH:
                return _JsonEnd(quoted=True, escaped=not self.escaped)
            return _JsonEnd(quoted=byte != _QUOTE)
        return _JsonEnd(quoted=byte == _QUOTE, digits=self.digits + 1 if byte in _DIGITS else 0)


class DigitMasks:
    """What may follow so many digits, by a vocabulary's tokens; safe to use from several threads."""

    def __init__(self, tokens: AnswerTokens) -> None:
        beginning = tokens.speaking.beginning(_DIGITS[0], _DIGITS[-1])
        pieces: dict[int, bytes] = {}
        for digit in _DIGITS:
            pieces |= beginning.holding(digit)
        self._leading = {token: len(piece) - len(piece.lstrip(_DIGITS)) for token, piece in pieces.items()}
        ids = np.array(list(self._leading), dtype=np.intp)
        counts = np.array(list(self._leading.values()), dtype=np.intp)
        # By how many digits there is room for, up to as many as any token begins with.
        self._masks: list[Mask] = [
            ~mask_of(ids[counts > room], tokens.size) for room in range(int(counts.max(initial=0)))
        ]

    def mask(self, digits: int) -> Mask | None:
        """The tokens that may follow so many digits; None for all."""
        room = max(0, MOST_DIGITS - digits)
        return self._masks[room] if room < len(self._masks) else None

    def fits(self, token: int, digits: int) -> bool:
        """Whether this token may."""
        return digits + self._leading.get(token, 0) <= MOST_DIGITS


class JsonDigits:
    """Implements Constraint: an answer that is JSON, or ends with some, whose numbers end."""

    complete = False
    mask_times = CHEAP

    def __init__(self, masks: DigitMasks, vocabulary: Vocabulary) -> None:
        self._masks = masks
        self._vocabulary = vocabulary
        self._place = _JsonEnd()

    def mask(self) -> Mask | None:
        """See Constraint."""
        return None if self._place.quoted else self._masks.mask(self._place.digits)

    def advance(self, token: int) -> None:
        """See Constraint."""
        self._place = self._after(self._place, token)

    def possible(self, tokens: Sequence[int]) -> int:
        """See Constraint."""
        place = self._place
        for count, token in enumerate(tokens):
            if not place.quoted and not self._masks.fits(token, place.digits):
                return count
            place = self._after(place, token)
        return len(tokens)

    def _after(self, place: _JsonEnd, token: int) -> _JsonEnd:
        return place if token in self._vocabulary.end_tokens else place.after(self._vocabulary.piece(token))
