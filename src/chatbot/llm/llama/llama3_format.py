"""Llama 3's chat format from our own constants: fine-tunes often ship a template that adds dates or tools."""

from collections.abc import Iterable

from chatbot.domain.messages import Conversation
from chatbot.llm.llama.pieces import (
    OPENING,
    Endings,
    Piece,
    begun_pieces,
    earlier_turns,
    system_pieces,
    user_pieces,
)
from chatbot.llm.llama.vocabulary import Vocabulary

_BEGIN = "<|begin_of_text|>"
_HEADER = "<|start_header_id|>{role}<|end_header_id|>\n\n"
_END = "<|eot_id|>"
_SPECIALS = (_BEGIN, "<|start_header_id|>", "<|end_header_id|>", _END)


def speaks_llama3(vocabulary: Vocabulary) -> bool:
    """Whether the vocabulary has the special tokens of the format."""
    return all(vocabulary.token_of(special) is not None for special in _SPECIALS)


class Llama3Format:
    """System, opening, earlier turns, the question, the assistant's header, what its answer begins with."""

    def pieces(self, conversation: Conversation) -> list[Piece]:
        """See PromptFormat."""
        pieces = [Piece(_BEGIN, trusted=True)]
        system = list(system_pieces(conversation))
        if system:
            pieces += _message("system", system)
        if conversation.opening:
            pieces += _message("assistant", [Piece(conversation.opening.strip(), OPENING)])
        for asked, answered in earlier_turns(conversation):
            pieces += _message("user", asked, answered.turn)
            pieces += _message("assistant", [answered], answered.turn)
        pieces += _message("user", user_pieces(conversation))
        answer = Piece(_HEADER.format(role="assistant"), trusted=True)
        return [*pieces, answer, *begun_pieces(conversation)]

    def endings(self, conversation: Conversation) -> Endings:
        """The end tokens are all that the format needs."""
        return Endings(continues=bool(conversation.begun))


def _message(role: str, content: Iterable[Piece], turn: int | None = None) -> list[Piece]:
    head = Piece(_HEADER.format(role=role), trusted=True, turn=turn)
    return [head, *content, Piece(_END, trusted=True, turn=turn)]
