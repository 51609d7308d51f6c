"""A plain transcript for base models that know no roles: "사용자: … / 비서: …".

There are no special tokens here to protect, so the protection is textual: a line of foreign text that begins
like a speaker is quoted, whatever breaks the line and whatever hides in the label, and the answer ends before
a line that begins like one.

A turn is one paragraph: a small base model answers in one and then drifts into an article, so a blank line
ends its answer too. Where no character opens the scene, a greeting shows what a turn looks like; over twenty
Korean questions to Gemma 3 270M these two took lines with invented speakers from six answers to none.
"""

import re
from dataclasses import replace

from chatbot.domain.messages import Conversation, Speakers
from chatbot.domain.plaintext import compatible, one_line
from chatbot.llm.llama.pieces import (
    OPENING,
    TEMPLATE,
    Endings,
    Piece,
    begun_pieces,
    earlier_turns,
    system_pieces,
    user_pieces,
)

_GREETINGS = {
    True: ("처음 뵙겠습니다.", "반갑습니다. 무엇을 도와 드릴까요?"),
    False: ("Nice to meet you.", "Welcome. How can I help you?"),
}
"""The example turn, by whether the speakers' labels are Korean."""

_BLANK_LINES = re.compile(r"\n\s*\n")
_BREAKS = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""What ends a line beside the line feed (Unicode Standard Annex 14)."""

_COLON = re.compile("[:：﹕︓ː∶꞉]")
_LABEL_CHARS = 120
"""A speaker's label is found within so many characters of a line."""

_MARKUP = "*_#>~`\"'()[]{}<|-– "


class TranscriptFormat:
    """System text on top, then one paragraph a turn, the assistant's label last."""

    def pieces(self, conversation: Conversation) -> list[Piece]:
        """See PromptFormat."""
        speakers = conversation.speakers
        labels = _labels(speakers)
        pieces = [_quoted(piece, labels, begins_line=True) for piece in system_pieces(conversation)]
        if pieces:
            pieces.append(Piece("\n\n", trusted=True))
        if conversation.opening:
            pieces += _turn(speakers.assistant, [Piece(conversation.opening, OPENING)], labels)
        else:
            hello, welcome = _GREETINGS[
                any("가" <= letter <= "힣" for letter in speakers.user + speakers.assistant)
            ]
            pieces += _turn(speakers.user, [Piece(hello, TEMPLATE)], labels)
            pieces += _turn(speakers.assistant, [Piece(welcome, TEMPLATE)], labels)
        for asked, answered in earlier_turns(conversation):
            pieces += _turn(speakers.user, asked, labels, answered.turn)
            pieces += _turn(speakers.assistant, [answered], labels, answered.turn)
        pieces += _turn(speakers.user, list(user_pieces(conversation)), labels)
        return [*pieces, Piece(f"{speakers.assistant}:"), *_begun(conversation)]

    def endings(self, conversation: Conversation) -> Endings:
        """An answer ends where somebody else would speak."""
        speakers = conversation.speakers
        labels = dict.fromkeys((speakers.user, speakers.assistant))
        stops = tuple(f"\n{label}{colon}" for label in labels for colon in (":", " :", "："))
        begun = "".join(piece.text for piece in _begun(conversation))
        # Of a begun answer its last line; a new answer's first line counts like any other.
        before = begun[begun.rfind("\n") :] if "\n" in begun else "" if begun else "\n"
        return Endings(("\n\n", *stops), before=before, speaks=True, continues=bool(begun))


def _begun(conversation: Conversation) -> list[Piece]:
    """What the answer begins with already, behind its label as every turn's text."""
    labels = _labels(conversation.speakers)
    quoted = [
        _quoted(piece, labels, begins_line=False, one_paragraph=True) for piece in begun_pieces(conversation)
    ]
    return [replace(piece, text=f" {piece.text.lstrip()}") for piece in quoted]


def _turn(label: str, content: list[Piece], labels: tuple[str, ...], turn: int | None = None) -> list[Piece]:
    # Labels may be foreign (a character's name), hence not trusted. The space belongs to the first word:
    # sentence-piece vocabularies hold " word" as one token.
    body = [
        _quoted(piece, labels, begins_line=place > 0, one_paragraph=True)
        for place, piece in enumerate(content)
    ]
    body[0] = replace(body[0], text=f" {body[0].text.strip()}")
    return [Piece(f"{label}:", turn=turn), *body, Piece("\n", trusted=True, turn=turn)]


def _quoted(
    piece: Piece, labels: tuple[str, ...], *, begins_line: bool, one_paragraph: bool = False
) -> Piece:
    """The piece with "> " before each of its lines that would pass for a speaker's."""
    text = _BREAKS.sub("\n", piece.text)
    if one_paragraph:
        text = _BLANK_LINES.sub("\n", text)
    if not piece.trusted:
        first, *others = text.split("\n")
        lines = [f"> {line}" if _speaks(line, labels) else line for line in others]
        text = "\n".join([f"> {first}" if begins_line and _speaks(first, labels) else first, *lines])
    return replace(piece, text=text)


def _speaks(line: str, labels: tuple[str, ...]) -> bool:
    """Whether the line begins with a speaker's label, as a reader sees it."""
    head = line[: 4 * _LABEL_CHARS]
    if not _COLON.search(head):
        return False
    seen = _bare(_COLON.sub(":", head))
    return any(
        seen.startswith(label) and seen[len(label) :].lstrip(_MARKUP).startswith(":") for label in labels
    )


def _labels(speakers: Speakers) -> tuple[str, ...]:
    """The speakers' labels as ``_bare`` leaves them; a label of nothing but markup is none."""
    return tuple(label for label in map(_bare, (speakers.user, speakers.assistant)) if label)


def _bare(text: str) -> str:
    """The visible text in one form for all that look alike, without markup before it."""
    plain = compatible(one_line(text, _LABEL_CHARS))
    return plain.casefold().lstrip(_MARKUP).rstrip()
