"""An automaton that reads UTF-8 and knows which characters may come: what is malformed is none.

Its states are the bytes of a character that is not complete yet. Those after which the same may follow are
one state, so there are about a hundred, for whatever characters.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from chatbot.llm.llama.token_bytes import Transitions

DEAD = 0
"""The state behind bytes that no allowed character has."""

WHOLE = 1
"""The state between two characters."""

_CODES = 0x110000
_BITS = 6
"""Bits of a code point in each byte but the first."""


class Utf8Automaton:
    """Reads text of some characters only."""

    def __init__(self, ranges: Iterable[tuple[int, int]]) -> None:
        """``ranges`` are the first and last code points of the characters; surrogates are none."""
        codes = np.zeros(8 << 3 * _BITS, dtype=bool)
        for first, last in ranges:
            codes[first : last + 1] = True
        codes[0xD800:0xE000] = False
        codes[_CODES:] = False
        self._codes = codes
        self._rows: list[npt.NDArray[np.uint16]] = [np.zeros(256, dtype=np.uint16) for _ in (DEAD, WHOLE)]
        self._known: dict[tuple[int, bytes], int] = {}
        whole = self._rows[WHOLE]
        whole[:0x80] = np.where(codes[:0x80], WHOLE, DEAD)
        # A character has as few bytes as it can have: so the longer forms know no lower code points.
        for lead, missing, lowest in ((0xC0, 1, 0x80), (0xE0, 2, 0x800), (0xF0, 3, 0x10000)):
            for value in range(0x40 >> missing):
                whole[lead + value] = self._state(value << missing * _BITS, missing, lowest)
        self.transitions: Transitions = np.stack(self._rows)
        """The state after each state (row) and byte (column)."""
        self._next = [row.tolist() for row in self._rows]
        del self._codes, self._rows, self._known

    def after(self, state: int, text: bytes) -> int:
        """The state after further bytes."""
        for byte in text:
            state = self._next[state][byte]
        return state

    def _state(self, first: int, missing: int, lowest: int = 0) -> int:
        """The state in which so many more bytes say which code point from ``first`` on it is."""
        count = 1 << missing * _BITS
        codes = self._codes[first : first + count]
        if first < lowest:
            codes = codes.copy()
            codes[: lowest - first] = False
        if not codes.any():
            return DEAD
        key = (missing, codes.tobytes())
        if key not in self._known:
            row = np.zeros(256, dtype=np.uint16)
            if missing == 1:
                row[0x80:0xC0] = np.where(codes, WHOLE, DEAD)
            else:
                step = count >> _BITS
                row[0x80:0xC0] = [
                    self._state(start, missing - 1, lowest) for start in range(first, first + count, step)
                ]
            self._known[key] = len(self._rows)
            self._rows.append(row)
        return self._known[key]
