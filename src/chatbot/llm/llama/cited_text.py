"""Reads an answer byte by byte for what it cites: [n] of at most two digits, but not in code.

What is code follows the chat page (``pages/assets/blocks.js``): lines between fences. What stands between two
backticks of a line is code there, too, but whether a backtick begins some shows only at the next one, which
may never come; so nothing else is cited behind one either.
"""

import re
from typing import NamedTuple

_LINE_ENDS = b"\n\r"
_FENCES = b"`~"
_DIGITS = b"0123456789"
_BACKTICK, _SPACE, _OPEN, _CLOSE = b"` []"
_SHORTEST_FENCE = 3
_DEEPEST_FENCE = 3
"""Spaces before a fence, at most."""

_PLAIN = re.compile(rb"[^\n\r\[]+")
"""Bytes that change nothing within a line, where no citation has begun."""

_INDENT, _MARKS, _BEHIND, _TEXT = range(4)
"""Parts of a line: the spaces at its beginning, a fence's marks, what stands behind them, anything else."""


class CitedText(NamedTuple):
    """All that counts of a text's end for how it may go on."""

    part: int = _INDENT
    run: int = 0
    """Spaces or marks so far, in these parts."""

    kind: int = 0
    """The mark of this line's or this block's fence, as a byte."""

    fence: int = 0
    """The number of marks that opened the block of code in which this is; 0 outside of one."""

    cited: bytes = b""
    """What may become a citation: its bytes without the last one."""

    def after(self, piece: bytes, hits: int) -> "tuple[CitedText, bool]":
        """The text with further bytes.

        Args:
            piece: The bytes.
            hits: The highest number that may be cited; the lowest is 1.

        Returns:
            What counts of it, and whether the bytes cite nothing else.
        """
        if self._changes_nothing(piece):
            return self, True
        text, good = self, True
        for byte in piece:
            text, fine = text._with(byte, hits)
            good = good and fine
        return text, good

    def _changes_nothing(self, piece: bytes) -> bool:
        return self.part == _TEXT and not self.cited and _PLAIN.fullmatch(piece) is not None

    def _with(self, byte: int, hits: int) -> "tuple[CitedText, bool]":
        if byte in _LINE_ENDS:
            return self._next_line(), True
        line = self._further_in_line(byte)
        if self.fence:
            return line, True
        ends_one = byte == _CLOSE and len(self.cited) > 1
        return line._replace(cited=self._cited_with(byte)), not ends_one or 1 <= int(self.cited[1:]) <= hits

    @property
    def _fenced(self) -> bool:
        """Whether this line has been a fence so far: it opens a block of code, or closes the open one."""
        return self.part == _BEHIND or (self.part == _MARKS and self.run >= (self.fence or _SHORTEST_FENCE))

    def _next_line(self) -> "CitedText":
        if self._fenced:
            return CitedText() if self.fence else CitedText(kind=self.kind, fence=self.run)
        return CitedText(kind=self.kind, fence=self.fence) if self.fence else CitedText()

    def _further_in_line(self, byte: int) -> "CitedText":
        if self.part == _TEXT:
            return self
        if self.part == _INDENT and byte == _SPACE and self.run < _DEEPEST_FENCE:
            return self._replace(run=self.run + 1)
        if self.part == _INDENT and (byte == self.kind if self.fence else byte in _FENCES):
            return self._replace(part=_MARKS, run=1, kind=byte)
        if self.part == _MARKS and byte == self.kind:
            return self._replace(run=self.run + 1)
        # Behind the marks that open a block stands its language, behind those that close it nothing.
        fits = byte == _SPACE if self.fence else byte != _BACKTICK
        return self._replace(part=_BEHIND if self._fenced and fits else _TEXT)

    def _cited_with(self, byte: int) -> bytes:
        if byte == _OPEN:
            return b"["
        return self.cited + bytes([byte]) if 0 < len(self.cited) < 3 and byte in _DIGITS else b""
