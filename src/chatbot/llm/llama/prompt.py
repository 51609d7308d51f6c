"""A conversation as the model's tokens, cut to its context, with an account of what went in."""

from collections import OrderedDict
from dataclasses import dataclass, replace

from chatbot.domain.errors import PromptTooLong
from chatbot.domain.messages import Conversation, PromptReport
from chatbot.llm.llama.jinja_format import JinjaFormat
from chatbot.llm.llama.llama3_format import Llama3Format, speaks_llama3
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.pieces import Endings, PromptFormat
from chatbot.llm.llama.transcript_format import TranscriptFormat
from chatbot.llm.llama.vocabulary import Vocabulary

_REMEMBERED_ROOMS = 10_000


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens of one piece of the prompt; ``turn`` is the exchange's index within the room."""

    name: str
    tokens: tuple[int, ...]
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """What the model will read, and how its answer ends."""

    segments: tuple[Segment, ...]
    report: PromptReport
    endings: Endings

    @property
    def tokens(self) -> tuple[int, ...]:
        """All tokens in order."""
        return tuple(token for segment in self.segments for token in segment.tokens)


def choose_format(file: ModelFile, vocabulary: Vocabulary) -> PromptFormat:
    """Llama 3's own format, the file's chat template, or a transcript for a base model.

    Raises:
        TemplateUnusable: the file's template cannot carry our conversations.
    """
    if speaks_llama3(vocabulary):
        return Llama3Format()
    template = file.chat_template
    if template is None:
        return TranscriptFormat()
    end = int(file.metadata("tokenizer.ggml.eos_token_id") or -1)
    return JinjaFormat(
        template,
        begin=vocabulary.name(vocabulary.begin) if vocabulary.begin >= 0 else "",
        end=vocabulary.name(end) if end >= 0 else "",
    )


class Prompter:
    """Renders conversations within ``limit`` tokens.

    History is cut at turns, oldest first, and in blocks: a cut frees a quarter of the context, and the room's
    later prompts begin at the same turn until the next cut. So the prefix that the cache holds for the room
    stays a prefix. What does not fit even without history loses its references, the last ones first.
    """

    def __init__(self, form: PromptFormat, vocabulary: Vocabulary, *, context: int, limit: int) -> None:
        self._format = form
        self._vocabulary = vocabulary
        self._limit = limit
        self._block = context // 4
        self._starts: OrderedDict[str, int] = OrderedDict()

    def render(self, conversation: Conversation) -> RenderedPrompt:
        """The prompt of the conversation.

        Raises:
            PromptTooLong: persona and question alone do not fit.
        """
        exchanges = conversation.exchanges
        remembered = self._starts.get(conversation.room or "", 0)
        first = next((i for i, exchange in enumerate(exchanges) if exchange.index >= remembered), 0)
        segments = self._segments(replace(conversation, exchanges=exchanges[first:]))
        while (total := _count(segments)) > self._limit:
            if first < len(exchanges):
                first += self._turns_to_drop(segments, total, [e.index for e in exchanges[first:]])
            elif conversation.references:
                conversation = conversation.with_fewer_references()
            else:
                raise PromptTooLong(total, self._limit)
            segments = self._segments(replace(conversation, exchanges=exchanges[first:]))
        self._remember(conversation, first)
        return RenderedPrompt(
            segments=segments,
            report=_report(segments, conversation, first),
            endings=self._format.endings(conversation),
        )

    def _turns_to_drop(self, segments: tuple[Segment, ...], total: int, turns: list[int]) -> int:
        sizes = dict.fromkeys(turns, 0)
        for segment in segments:
            if segment.turn in sizes:
                sizes[segment.turn] += len(segment.tokens)
        history = sum(sizes.values())
        # A long persona leaves little for history: then half of that little goes, not all of it.
        room = max(0, self._limit - (total - history))
        target = history - max(self._limit - self._block - (total - history), room // 2)
        dropped = freed = 0
        while dropped < len(turns) and (freed < target or dropped == 0):
            freed += sizes[turns[dropped]]
            dropped += 1
        return dropped

    def _segments(self, conversation: Conversation) -> tuple[Segment, ...]:
        vocabulary = self._vocabulary
        segments = [
            Segment(
                piece.name,
                vocabulary.template(piece.text) if piece.trusted else vocabulary.content(piece.text),
                piece.turn,
            )
            for piece in self._format.pieces(conversation)
        ]
        first = next((segment.tokens[0] for segment in segments if segment.tokens), None)
        if vocabulary.adds_begin and first != vocabulary.begin:
            segments.insert(0, Segment("template", (vocabulary.begin,)))
        return tuple(segments)

    def _remember(self, conversation: Conversation, first: int) -> None:
        if conversation.room is None or not first:
            return
        exchanges = conversation.exchanges
        following = exchanges[-1].index + 1
        self._starts[conversation.room] = exchanges[first].index if first < len(exchanges) else following
        self._starts.move_to_end(conversation.room)
        if len(self._starts) > _REMEMBERED_ROOMS:
            self._starts.popitem(last=False)


def _count(segments: tuple[Segment, ...]) -> int:
    return sum(len(segment.tokens) for segment in segments)


def _report(segments: tuple[Segment, ...], conversation: Conversation, first: int) -> PromptReport:
    tokens: dict[str, int] = {}
    for segment in segments:
        tokens[segment.name] = tokens.get(segment.name, 0) + len(segment.tokens)
    turns = [exchange.index for exchange in conversation.exchanges]
    return PromptReport(tokens, kept_turns=tuple(turns[first:]), cut_turns=tuple(turns[:first]))
