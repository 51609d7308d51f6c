"""What the next token of an answer may be: the rules of a text's form, as the sampler asks for them.

A constraint belongs to one answer, as its sampler does, and hears of every token that the sampler chose. It
knows nothing of cells: preemption and re-computation do not touch it. It never goes back, since no row is
sampled behind the first token that was not guessed.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

import numpy as np
import numpy.typing as npt

from chatbot.llm.llama.best_tokens import TokenIds
from chatbot.llm.llama.context import Logits
from chatbot.scheduling.tuning import UNKNOWN_MASK

Mask = npt.NDArray[np.uint32]
"""A bit for each token, set where it is allowed: token t is bit t % 32 of word t // 32."""

_WORD_BITS = 32

_MINUS_INFINITY = np.float32(-np.inf).view(np.int32)

_MASK_WEIGHT = 0.05
"""Of one mask in what they usually take: a form has a few dear ones where its states are new."""

_LAST_ANSWERS = 16
"""By which the masks of a form's next answer are judged: so many cheap ones hide no dear one's."""


class ConstraintExhausted(Exception):
    """Nothing may follow in an answer that is not complete, or nobody can tell what: it ends as it is."""


@dataclass(slots=True)
class MaskTimes:
    """What the masks of an answer take, in seconds of a processor."""

    usual: float = 0.0
    """What one takes, by those of late; before the first ones, by what is known of the form."""

    total: float = 0.0
    """All of them so far."""

    masks: int = 0
    """How many they are."""

    def saw(self, seconds: float) -> None:
        """A mask, with what it is computed from, took so long."""
        self.total += seconds
        self.masks += 1
        self.usual += _MASK_WEIGHT * (seconds - self.usual)


class FormMasks:
    """What the masks of one form took in its last answers, so that a short one does not pass for cheap."""

    def __init__(self) -> None:
        self._answers: deque[MaskTimes] = deque(maxlen=_LAST_ANSWERS)

    def of_answer(self) -> MaskTimes:
        """Those of another answer, none of which is made yet; called on any thread."""
        # A copy in one go: the engine's thread adds to them.
        means = [one.total / one.masks for one in tuple(self._answers)]
        return MaskTimes(fmean(means) if means else UNKNOWN_MASK)

    def began(self, times: MaskTimes) -> None:
        """An answer has its first mask; those that follow count, too."""
        self._answers.append(times)


CHEAP = MaskTimes()
"""Of masks that take microseconds whatever is asked for."""


class Constraint(Protocol):
    """What one answer's next token may be; used by one thread at a time."""

    @property
    def mask_times(self) -> MaskTimes:
        """What its masks take."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the answer is over: nothing may follow what was chosen."""
        ...

    def mask(self) -> Mask | None:
        """What may come next; None for everything. Not to be changed, and good until ``advance``.

        Raises:
            ConstraintExhausted: it cannot be told, as where a grammar went beyond its bounds.
        """
        ...

    def advance(self, token: int) -> None:
        """The sampler chose this token, which was allowed.

        Raises:
            ConstraintExhausted: as ``mask`` says.
        """
        ...

    def possible(self, tokens: Sequence[int]) -> int:
        """How many of these tokens could be chosen one after another; changes nothing."""
        ...


class Together:
    """Several constraints of one answer: a token is allowed where all of them allow it.

    Where that is none, as where a form asks for letters that the others forbid, the first one decides alone.
    """

    def __init__(self, parts: Sequence[Constraint]) -> None:
        self._parts = parts

    @property
    def mask_times(self) -> MaskTimes:
        """See Constraint; those of the first part, which is the form where there is one."""
        return self._parts[0].mask_times

    @property
    def complete(self) -> bool:
        """See Constraint."""
        return any(part.complete for part in self._parts)

    def mask(self) -> Mask | None:
        """See Constraint."""
        masks = [mask for part in self._parts if (mask := part.mask()) is not None]
        if len(masks) < 2:
            return masks[0] if masks else None
        joined: Mask = np.bitwise_and.reduce(masks)
        return joined if joined.any() else masks[0]

    def advance(self, token: int) -> None:
        """See Constraint."""
        for part in self._parts:
            part.advance(token)

    def possible(self, tokens: Sequence[int]) -> int:
        """See Constraint."""
        return min((part.possible(tokens) for part in self._parts), default=len(tokens))


def together(parts: Sequence[Constraint]) -> Constraint | None:
    """One constraint for all of them; None where there is none."""
    return parts[0] if len(parts) == 1 else Together(parts) if parts else None


def mask_words(vocabulary: int) -> int:
    """Words of a mask over so many tokens."""
    return -(-vocabulary // _WORD_BITS)


def mask_of(tokens: TokenIds, vocabulary: int) -> Mask:
    """The mask that allows these tokens and no other."""
    bits = np.zeros(mask_words(vocabulary) * _WORD_BITS, dtype=np.uint8)
    bits[tokens] = 1
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32, copy=False)


def allowed(mask: Mask, tokens: TokenIds) -> npt.NDArray[np.bool_]:
    """For each of the tokens whether the mask allows it."""
    words: Mask = mask[tokens // _WORD_BITS]
    bits: npt.NDArray[np.bool_] = (words >> (tokens % _WORD_BITS).astype(np.uint32) & np.uint32(1)).astype(
        bool
    )
    return bits


def ruled_out(mask: Mask, vocabulary: int) -> npt.NDArray[np.bool_]:
    """For each token of the vocabulary whether the mask forbids it."""
    bits = np.unpackbits(mask.astype("<u4", copy=False).view(np.uint8), count=vocabulary, bitorder="little")
    out: npt.NDArray[np.bool_] = bits == 0
    return out


def rule_out(mask: Mask, row: Logits) -> None:
    """Let the logit of each token that the mask forbids be -inf.

    By the bits of the numbers: where allowed tokens and others alternate, choosing elements takes numpy four
    times as long.
    """
    # All bits where a token is forbidden, none where it is allowed.
    forbidden = -ruled_out(mask, len(row)).astype(np.int32)
    bits = row.view(np.int32)
    bits &= ~forbidden
    forbidden &= _MINUS_INFINITY
    bits |= forbidden
