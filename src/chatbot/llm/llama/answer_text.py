"""From the bytes of an answer's tokens to what its client may see of them."""

from collections.abc import Sequence

from chatbot.llm.llama.detokenizer import Detokenizer
from chatbot.llm.llama.pieces import Endings
from chatbot.llm.stops import StopFilter


class AnswerText:
    """One answer: whole characters, up to the first stop string, without white space at the beginning unless
    it continues a text or has a form.

    The format's own stops are looked for in what the model wrote; the client's in what the client would see,
    so that a stop of white space does not end an answer before its first word.
    """

    def __init__(self, endings: Endings, client_stops: Sequence[str]) -> None:
        self._detokenizer = Detokenizer()
        self._own = StopFilter(endings.stops)
        self._clients = StopFilter(client_stops)
        self._begun = endings.continues or endings.formed
        self.skipped = 0
        """Characters that the model wrote before the text and that the client does not see."""
        # So that a stop is found that begins before the answer; what of it was no stop comes back and is no
        # part of the answer.
        self._foreign = len(endings.before) - len(self._own.feed(endings.before))

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
        foreign = min(self._foreign, len(text))
        self._foreign -= foreign
        text = text[foreign:]
        if not self._begun:
            stripped = text.lstrip()
            self.skipped += len(text) - len(stripped)
            text = stripped
            self._begun = bool(text)
        return self._clients.feed(text)
