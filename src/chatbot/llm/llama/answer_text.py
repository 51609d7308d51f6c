"""From the bytes of an answer's tokens to what its client may see of them."""

from collections.abc import Sequence

from chatbot.llm.llama.detokenizer import Detokenizer
from chatbot.llm.llama.pieces import Endings
from chatbot.llm.stops import StopFilter


class AnswerText:
    """One answer: whole characters, without white space at the beginning, up to the first stop string.

    The format's own stops are looked for in what the model wrote; the client's in what the client would see,
    so that a stop of white space does not end an answer before its first word.
    """

    def __init__(self, endings: Endings, client_stops: Sequence[str]) -> None:
        self._detokenizer = Detokenizer()
        self._own = StopFilter(endings.stops)
        self._clients = StopFilter(client_stops)
        self._begun = False
        if endings.line_start:
            # The line feed before the answer, so that a label in its first line is found. If none follows,
            # the feed comes back as white space at the beginning.
            self._own.feed("\n")

    @property
    def stopped(self) -> bool:
        """Whether a stop string was met."""
        return self._own.stopped or self._clients.stopped

    def feed(self, piece: bytes) -> str:
        """What the client may see after this token's bytes."""
        return self._seen(self._own.feed(self._detokenizer.feed(piece)))

    def rest(self, *, unfinished: bool) -> str:
        """What was held back and belongs to the answer, which is over.

        ``unfinished`` says that the token limit ended it: then what may be the beginning of the format's own
        label is left out, since nobody knows how it would have gone on.
        """
        own = self._own.flush()
        return ("" if unfinished else self._seen(own)) + self._clients.flush()

    def _seen(self, text: str) -> str:
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        return self._clients.feed(text)
