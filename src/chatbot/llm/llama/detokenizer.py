"""Tokens to text as it grows: whole characters only, though a syllable may be spread over several tokens."""

import codecs


class Detokenizer:
    """One answer's bytes to text.

    Bytes that never become UTF-8 turn into U+FFFD, as browsers do; a character that the last token leaves
    unfinished is left out.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def pending(self) -> int:
        """Bytes of a character that is not complete yet."""
        return len(self._decoder.getstate()[0])

    def feed(self, piece: bytes) -> str:
        """The characters that this token completes, often none."""
        return self._decoder.decode(piece)
