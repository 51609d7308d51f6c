"""A conversation as the model's tokens, cut to its context, with an account of what went in."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from chatbot.domain.config import summary_reserve
from chatbot.domain.errors import PromptTooLong
from chatbot.domain.messages import Conversation, Exchange, PromptReport, SummaryPart
from chatbot.domain.models import NextCut
from chatbot.llm.llama.jinja_format import JinjaFormat
from chatbot.llm.llama.llama3_format import Llama3Format, speaks_llama3
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.pieces import SUMMARY, TEMPLATE, Endings, Piece, PromptFormat, summary_pieces
from chatbot.llm.llama.transcript_format import TranscriptFormat
from chatbot.llm.llama.vocabulary import Vocabulary, slices


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens of one piece of the prompt."""

    name: str
    """What the piece is, for the report."""
    tokens: tuple[int, ...]
    turn: int | None = None
    """The exchange's index within the room, None for what belongs to no earlier turn."""


@dataclass(frozen=True, slots=True)
class RenderedPrompt:
    """What the model will read, and how its answer ends."""

    segments: tuple[Segment, ...]
    """The prompt's parts in order."""
    tokens: tuple[int, ...]
    """The tokens of all segments, in order."""
    report: PromptReport
    endings: Endings
    conversation: Conversation
    """What of the conversation entered."""
    hits: int | None
    """How many search results entered; None where none were looked for."""


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


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A conversation as it fits: what stands before its turns, its pieces, and where its turns begin."""

    conversation: Conversation
    """With all of its turns, and with those quotations that fit."""
    begin: tuple[Segment, ...]
    pieces: tuple[Piece, ...]
    first: int
    """The place of the first turn that is kept."""
    room: int
    """Tokens for the turns."""
    reserve: int
    """Tokens for a summary, beside those."""

    @property
    def kept(self) -> tuple[Exchange, ...]:
        """The turns that enter."""
        return self.conversation.exchanges[self.first :]


class Prompter:
    """Renders conversations within ``limit`` tokens; safe to use from several threads.

    History is cut at turns, oldest first, and where follows from the turns alone, so that the prefix which a
    cache holds of a conversation stays a prefix while turns come. A cut may free up to a quarter of the
    context more than is needed. Of the places within this leeway the roundest is taken: the index of the turn
    before it has the largest power of two as a divisor. It stays the roundest until the leeway has moved
    beyond it. On a path that leaves indexes out, those that are missing there count too.

    Where a path has summaries, an eighth of the context is kept free of turns for one of them, however long
    that is: so it does not matter to where the cut falls which one enters. One that is longer is left out.

    What does not fit even without history loses what is quoted, the last references first. No more is
    tokenised than what may fit, and a little: turn by turn from the newest.
    """

    def __init__(self, form: PromptFormat, vocabulary: Vocabulary, *, context: int, limit: int) -> None:
        """``context`` and ``limit`` in tokens; the limit leaves room for an answer."""
        self._format = form
        self._vocabulary = vocabulary
        self._limit = limit
        self._leeway = context // 4
        self._context = context

    def render(self, conversation: Conversation) -> RenderedPrompt:
        """The prompt of the conversation.

        Raises:
            PromptTooLong: persona and question alone do not fit.
        """
        searched = bool(conversation.references)
        cut = self._cut(conversation)
        conversation, pieces = cut.conversation, cut.pieces
        summaries: tuple[SummaryPart, ...] = ()
        if summary := conversation.summary_before(cut.kept):
            if self._count(summary_pieces([summary]), cut.reserve) <= cut.reserve:
                summaries = (summary,)
                kept = replace(conversation, exchanges=cut.kept, summaries=summaries)
                pieces = tuple(self._format.pieces(kept))
            else:
                conversation = replace(conversation, left_out=(*conversation.left_out, SUMMARY))
        segments = (
            *cut.begin,
            *(Segment(piece.name, tuple(self._all(piece)), piece.turn) for piece in pieces),
        )
        return RenderedPrompt(
            segments=segments,
            tokens=tuple(token for segment in segments for token in segment.tokens),
            report=_report(segments, conversation, cut.first),
            endings=self._format.endings(conversation),
            conversation=replace(conversation, exchanges=cut.kept, summaries=summaries),
            hits=conversation.hits if searched else None,
        )

    def next_cut(self, conversation: Conversation) -> NextCut | None:
        """Where the turns would be cut next; None where none is kept, or turns that are yet to come would go.

        That is foreseen as if the next turn were just too long to fit with them. A longer one, and more of
        them, only make the cut fall later: so nothing that is foreseen to go stays.

        Raises:
            PromptTooLong: as ``render``.
        """
        now = self._cut(conversation)
        then = now if conversation.summaries else self._cut(conversation, summarised=True)
        turns = conversation.exchanges
        if not now.kept:
            return None
        place = then.first
        if then.first == now.first:
            sizes = [self._count(pieces, self._limit) for pieces in _by_turn(then.pieces, then.kept)]
            left = sum(sizes)
            afterwards = self._afterwards(then.room) - (then.room + 1 - left)
            if afterwards < 0:
                return None
            most = then.first
            while left > afterwards:
                left -= sizes[most - then.first]
                most += 1
            place = _roundest(turns, then.first + 1, max(then.first + 1, most))
        # Else the first summary, for which room is made, already moves the beginning.
        return NextCut(turns[now.first].index, turns[place - 1].index, then.reserve)

    def _cut(self, conversation: Conversation, *, summarised: bool = False) -> _Fitted:
        """Find where the turns begin; ``summarised`` says that there will be a summary, if there is none."""
        exchanges = conversation.exchanges
        first = self._oldest_that_may_fit(exchanges)
        while True:
            kept = replace(conversation, exchanges=exchanges[first:], summaries=())
            pieces = self._format.pieces(kept)
            begin = self._begin(pieces)
            fixed = len(begin) + self._count([piece for piece in pieces if piece.turn is None], self._limit)
            if fixed > self._limit:
                if first < len(exchanges):
                    first = len(exchanges)
                elif conversation.quoted:
                    conversation = conversation.with_fewer_quotes()
                else:
                    raise PromptTooLong(fixed, self._limit)
                continue
            room = self._limit - fixed
            reserve = summary_reserve(self._context, room) if conversation.summaries or summarised else 0
            start = self._start(pieces, exchanges, first, room - reserve)
            if start == first:
                return _Fitted(conversation, begin, tuple(pieces), first, room - reserve, reserve)
            first = start

    def _oldest_that_may_fit(self, exchanges: Sequence[Exchange]) -> int:
        """The place of the oldest turn that may fit if all that follows it does: by their texts alone."""
        room = self._limit
        for place in reversed(range(len(exchanges))):
            texts = (exchanges[place].question.strip(), exchanges[place].answer.strip())
            room -= self._count([Piece(text) for text in texts], room)
            if room < 0:
                return place + 1
        return 0

    def _start(self, pieces: Sequence[Piece], turns: Sequence[Exchange], first: int, room: int) -> int:
        """The place, ``first`` or later, from which on turns are kept in ``room`` tokens; see the class."""
        if first == len(turns):
            return first
        afterwards = self._afterwards(room)
        of_turns = _by_turn(pieces, turns[first:])
        used, least, most = 0, len(turns), len(turns)
        for place in reversed(range(first, len(turns))):
            used += self._count(of_turns[place - first], room - used)
            if used > room:
                break
            least = place
            most = place if used <= afterwards else most
        # One turn stays if one fits, however long it is.
        return _roundest(turns, least, max(least, min(most, len(turns) - 1)))

    def _afterwards(self, room: int) -> int:
        """Tokens that turns may have at most after a cut, where they could have ``room``.

        A long persona leaves little for history: then half of that little may go, not all of it.
        """
        return max(room - self._leeway, room // 2)

    def _count(self, pieces: Sequence[Piece], limit: int) -> int:
        """Tokens of the pieces; beyond ``limit`` reading ends, and the rest is an estimate."""
        tokens = characters = 0
        for piece in pieces:
            for part in _parts(piece):
                tokens += len(self._tokens(piece, part))
                characters += len(part)
                if tokens > limit:
                    return max(tokens, tokens * sum(len(one.text) for one in pieces) // characters)
        return tokens

    def _all(self, piece: Piece) -> Iterator[int]:
        for part in _parts(piece):
            yield from self._tokens(piece, part)

    def _tokens(self, piece: Piece, part: str) -> tuple[int, ...]:
        return self._vocabulary.template(part) if piece.trusted else self._vocabulary.content_slice(part)

    def _begin(self, pieces: Sequence[Piece]) -> tuple[Segment, ...]:
        """The token that begins all texts of the vocabulary, where the format has not written it."""
        begin = (self._vocabulary.begin,)
        if not self._vocabulary.adds_begin or (pieces and tuple(islice(self._all(pieces[0]), 1)) == begin):
            return ()
        return (Segment(TEMPLATE, begin),)


def _by_turn(pieces: Iterable[Piece], turns: Sequence[Exchange]) -> list[list[Piece]]:
    """The pieces of each of the turns."""
    found: dict[int | None, list[Piece]] = {}
    for piece in pieces:
        found.setdefault(piece.turn, []).append(piece)
    return [found.get(turn.index, []) for turn in turns]


def _roundest(turns: Sequence[Exchange], least: int, most: int) -> int:
    """The first of the roundest places from ``least`` to ``most``."""
    return max(range(least, most + 1), key=lambda place: _roundness(turns, place))


def _roundness(turns: Sequence[Exchange], place: int) -> float:
    """The binary digits that end the roundest index at this place: the zeros and the one before them.

    Those are the index of the turn before the place and the missing ones up to the turn behind it. The
    beginning of a room is beyond all.
    """
    last = turns[place].index - 1 if place < len(turns) else turns[-1].index
    first = turns[place - 1].index if place else last
    # Two numbers differ from that digit on in which one between them, or the second itself, is round.
    return ((first - 1) ^ last).bit_length() if first > 0 else float("inf")


def _parts(piece: Piece) -> Iterable[str]:
    """The piece's text as it is tokenised: ours in one, foreign text in slices."""
    return (piece.text,) if piece.trusted else slices(piece.text)


def _report(segments: tuple[Segment, ...], conversation: Conversation, first: int) -> PromptReport:
    tokens: dict[str, int] = {}
    for segment in segments:
        tokens[segment.name] = tokens.get(segment.name, 0) + len(segment.tokens)
    turns = [exchange.index for exchange in conversation.exchanges]
    return PromptReport(
        tokens,
        kept_turns=tuple(turns[first:]),
        cut_turns=tuple(turns[:first]),
        left_out=conversation.left_out,
    )
