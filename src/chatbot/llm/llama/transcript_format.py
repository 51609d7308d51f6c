"""A plain transcript for base models that know no roles: "사용자: … / 비서: …".

There are no special tokens here to protect, so the protection is textual: a line of foreign text that begins
like a speaker is quoted, and the answer ends before a line that begins like one.

A turn is one paragraph: a small base model answers in one and then drifts into an article, so a blank line
ends its answer too. Where no character opens the scene, a greeting shows what a turn looks like; over twenty
Korean questions to Gemma 3 270M these two took lines with invented speakers from six answers to none.
"""

import re
from dataclasses import replace

from chatbot.domain.messages import Conversation, Speakers
from chatbot.llm.llama.pieces import HISTORY, OPENING, TEMPLATE, Endings, Piece, system_pieces, user_pieces

_GREETINGS = {
    True: ("처음 뵙겠습니다.", "반갑습니다. 무엇을 도와 드릴까요?"),
    False: ("Nice to meet you.", "Welcome. How can I help you?"),
}
"""The example turn, by whether the speakers' labels are Korean."""

_BLANK_LINES = re.compile(r"\n\s*\n")


class TranscriptFormat:
    """System text on top, then one paragraph a turn, the assistant's label last."""

    def pieces(self, conversation: Conversation) -> list[Piece]:
        """See PromptFormat."""
        speakers = conversation.speakers
        pieces = [self._quoted(piece, speakers) for piece in system_pieces(conversation)]
        if pieces:
            pieces.append(Piece("\n\n", trusted=True))
        if conversation.opening:
            pieces += self._line(speakers.assistant, [Piece(conversation.opening, OPENING)], speakers)
        else:
            hello, welcome = _GREETINGS[any("가" <= letter <= "힣" for letter in speakers.user)]
            pieces += self._line(speakers.user, [Piece(hello, TEMPLATE)], speakers)
            pieces += self._line(speakers.assistant, [Piece(welcome, TEMPLATE)], speakers)
        for exchange in conversation.exchanges:
            turn = exchange.index
            asked = [Piece(exchange.question, HISTORY, turn=turn)]
            answered = [Piece(exchange.answer, HISTORY, turn=turn)]
            pieces += self._line(speakers.user, asked, speakers, turn)
            pieces += self._line(speakers.assistant, answered, speakers, turn)
        pieces += self._line(speakers.user, list(user_pieces(conversation)), speakers)
        return [*pieces, Piece(f"{speakers.assistant}:")]

    def endings(self, conversation: Conversation) -> Endings:
        """An answer ends where somebody else would speak."""
        speakers = conversation.speakers
        labels = dict.fromkeys((speakers.user, speakers.assistant))
        stops = tuple(f"\n{label}{colon}" for label in labels for colon in (":", " :", "："))
        return Endings(stops=("\n\n", *stops), line_start=True, strip=True, speaks=True)

    def _line(
        self, label: str, content: list[Piece], speakers: Speakers, turn: int | None = None
    ) -> list[Piece]:
        # Labels may be foreign (a character's name), hence not trusted. The space belongs to the first word:
        # sentence-piece vocabularies hold " word" as one token.
        paragraph = [replace(piece, text=_BLANK_LINES.sub("\n", piece.text)) for piece in content]
        paragraph[0] = replace(paragraph[0], text=f" {paragraph[0].text.strip()}")
        body = [self._quoted(piece, speakers) for piece in paragraph]
        return [Piece(f"{label}:", turn=turn), *body, Piece("\n", trusted=True, turn=turn)]

    def _quoted(self, piece: Piece, speakers: Speakers) -> Piece:
        if piece.trusted or "\n" not in piece.text:
            return piece
        labels = "|".join(map(re.escape, (speakers.user, speakers.assistant)))
        text = re.sub(rf"(?m)^(?=\s*(?:{labels})\s*[:：])", "> ", piece.text)
        return Piece(text, piece.name, turn=piece.turn)
