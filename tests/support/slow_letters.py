"""Which tokens may follow in a text of some scripts, told slowly and directly: by decoding each."""

import codecs
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from chatbot.domain.letters import Scripts
from chatbot.domain.scripts import script_of, script_ranges


class SlowLetters:
    """The rule of ``llm/llama/letters.py`` without its automaton and without numpy."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        characters = (
            chr(code)
            for script in scripts
            for first, last in script_ranges()[script]
            for code in range(first, last + 1)
        )
        self.unfinished = {
            encoded[:count]
            for encoded in (character.encode() for character in characters)
            for count in range(1, len(encoded))
        }
        """What the allowed characters begin with."""

    def allows(self, before: bytes, piece: bytes) -> bool:
        """Whether a token of these bytes may follow the bytes of an unfinished character."""
        decoder = codecs.getincrementaldecoder("utf-8")("strict")
        try:
            text = decoder.decode(before + piece)
        except UnicodeDecodeError:
            return False
        rest = decoder.getstate()[0]
        return all(script_of(each) in self._scripts for each in text) and (
            not rest or rest in self.unfinished
        )


def compare(
    slow: SlowLetters,
    pieces: Sequence[bytes],
    ends: Collection[int],
    allowed: Callable[[bytes], npt.NDArray[np.bool_]],
) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Compare masks with decoding: every token that adds bytes, behind every beginning of a character.

    ``allowed`` tells for each token whether it may follow such a beginning.

    Returns:
        How many pairs were compared, and the wrong ones.
    """
    spoken = [token for token, piece in enumerate(pieces) if piece and token not in ends]
    tails = [token for token in spoken if 0x80 <= pieces[token][0] < 0xC0]
    others = np.setdiff1d(spoken, tails)
    compared, wrong = 0, []
    for before in (b"", *sorted(slow.unfinished)):
        mask = allowed(before)
        # Within a character no other token may follow, since it begins another one: they need no decoding.
        wrong += [(before, pieces[token]) for token in others[mask[others]]] if before else []
        for token in tails if before else spoken:
            if bool(mask[token]) != slow.allows(before, pieces[token]):
                wrong.append((before, pieces[token]))
        compared += len(spoken)
    return compared, wrong


def many_pieces(count: int) -> Sequence[bytes]:
    """A vocabulary as a byte-level tokenizer has it: bytes, parts of characters, characters, words."""
    return [piece for _, piece in zip(range(count), _pieces(), strict=False)]


def _pieces() -> Iterator[bytes]:
    yield from (bytes([value]) for value in range(256))
    yield from (b"", b"<|end|>", b"<0xE3>", b"\xf5\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")
    ranges = script_ranges()
    texts = {
        script: [chr(first + n) for first, last in ends for n in range(last - first + 1)]
        for script, ends in ranges.items()
    }
    for number in range(2**20):
        for script in ("Hangul", "Latin", "Common", "Han", "Hiragana", "Cyrillic", "Inherited"):
            letters = texts[script]
            at = number * 7919
            word = "".join(letters[(at + n * n) % len(letters)] for n in range(1 + number % 4)).encode()
            yield b" " + word
            if not number % 11:
                # Cut anywhere, within characters too.
                yield word[number % 3 : len(word) - number // 3 % 3]
