"""One question being answered: gather, generate, keep; and whatever ends it, ends it here exactly once."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, replace
from uuid import UUID

from chatbot.core.context import Asked, ContextBuilder, Gathered
from chatbot.core.frame import Frame
from chatbot.core.service import Question
from chatbot.core.statistics import Statistics, TokenTimes
from chatbot.core.summaries import FULL, FilledRoom, SummaryWriter
from chatbot.core.turns import KeptTurn, TurnWriter
from chatbot.core.written import Written, WrittenAnswer
from chatbot.domain.errors import BadQuestion, ChatbotError, DeadlineExceeded, ModelFailed, Overloaded
from chatbot.domain.history import HistoryUnavailable, Recalled, Stored
from chatbot.domain.messages import (
    Conversation,
    Finished,
    FinishReason,
    Prompted,
    PromptReport,
    Sampling,
    Token,
    Usage,
    Waiting,
)
from chatbot.domain.models import ChatModel, Place
from chatbot.domain.prompts import Personas
from chatbot.domain.search import SearchResult
from chatbot.domain.telemetry import Outcome

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Backend:
    """A model under its alias."""

    model: ChatModel
    """What generates."""

    personas: Personas
    """The persona texts written for this kind of model."""

    sampling: Sampling
    """How it answers unless a question says otherwise."""

    prompt_tokens: int
    """What a prompt may have."""

    summaries: SummaryWriter | None = None
    """Told of rooms that fill their prompts; None where no summaries are made, or such a model makes none."""


@dataclass(frozen=True, slots=True)
class Timings:
    """Where an answer's time went, in seconds; history and search run side by side."""

    queue: float
    """Waiting for a sequence of the engine."""

    history: float
    """Reading the room's earlier turns."""

    search: float
    """The web search."""

    prefill: float
    """Computing the prompt."""

    decode: float
    """Generating the answer."""

    total: float
    """From the question's arrival to the stored answer."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The last event of a question: its answer is complete, and stored if it belongs to a room."""

    choices: tuple[WrittenAnswer, ...]
    """As many answers as were asked for."""

    usage: Usage
    """The tokens of the prompt, and of all answers together."""

    timings: Timings
    """Its seconds."""

    search: SearchResult | None
    """What the web search brought; None when none ran."""

    history: Stored | None
    """Where the turn is now; None for an answer without a room."""

    turn: UUID | None
    """The id of its turn; None for an answer without a room."""

    recalled: Recalled
    """Whether all earlier turns of the room could be read."""

    report: PromptReport | None
    """What entered the prompt, from backends that tell it."""

    @property
    def text(self) -> str:
        """The first answer."""
        return self.choices[0].text

    @property
    def reason(self) -> FinishReason:
        """Why the first answer ended."""
        return self.choices[0].reason


AnswerEvent = Waiting | Token | Answered


class Reply:
    """A question that has its place. ``close`` is idempotent and must be called in a ``finally``."""

    def __init__(
        self,
        *,
        question: Question,
        frame: Frame,
        backend: Backend,
        sampling: Sampling,
        place: Place,
        held: ExitStack,
        context: ContextBuilder,
        turns: TurnWriter,
        statistics: Statistics,
    ) -> None:
        """``backend`` answers, within ``place``; ``held`` is closed when the question has ended."""
        self.question = question
        self.model = backend.model.name
        self._frame = frame
        self._backend = backend
        self._sampling = sampling
        self._place = place
        self._held = held
        self._context = context
        self._turns = turns
        self._statistics = statistics
        self._ended = False
        self.report: PromptReport | None = None
        """What entered the prompt; None until that is made."""

    def close(self) -> None:
        """Give the place up; a question that has not ended yet counts as cancelled."""
        self._end(Outcome.CANCELLED)

    def _end(self, outcome: Outcome) -> None:
        if not self._ended:
            self._ended = True
            self._held.close()
            self._statistics.ended(outcome, self.question.arrived)

    async def events(self) -> AsyncGenerator[AnswerEvent, None]:
        """Yield Waiting and Token events, then one Answered after the turn is stored or safely kept.

        Raises:
            ChatbotError: as the ports say; ModelFailed for a defect, which is logged here and only here.
            HistoryUnavailable: the answer could not be stored anywhere.

        The outcome is counted before any of them leaves.
        """
        try:
            asked = await self._context.read_aim(self.question)
            frame = self._frame_of(asked)
            gathered = await self._context.gather(
                self.question, asked, frame.language, self._backend.prompt_tokens
            )
            asked = asked.beside(self.question.asked_with, gathered.recollection.turns)
            conversation = await self._context.converse(self.question, asked, frame, gathered)
            written = Written(self.question.answers, TokenTimes(self._statistics, self.question.arrived))
            try:
                async with aclosing(self._place.generate(conversation, self._sampling)) as generation:
                    async for event in generation:
                        written.note(event)
                        if isinstance(event, Prompted):
                            self.report = event.report
                        elif not isinstance(event, Finished):
                            yield event
            except DeadlineExceeded as late:
                if not self._counts(written):
                    raise
                written.note(late.begun)
                kept = await self._kept(asked, written, gathered)
                self._end(Outcome.FAILED)
                yield self._answered(written, gathered, kept)
                return
            except (GeneratorExit, asyncio.CancelledError):
                if self._counts(written):
                    self._keep(asked, written, gathered)
                raise
            assert written.complete, "the model ended without saying how"  # noqa: S101 (the port promises it)
            turn = await self._kept(asked, written, gathered)
            self._note_if_full(turn, conversation, frame, written)
            self._statistics.answered(written.finished)
            self._end(Outcome.SUCCESSFUL)
            yield self._answered(written, gathered, turn)
        except (Overloaded, BadQuestion):
            self._end(Outcome.REFUSED)
            raise
        except ModelFailed:
            self._end(Outcome.FAILED)
            _log.exception("answer_failed")
            raise
        except (ChatbotError, HistoryUnavailable):
            self._end(Outcome.FAILED)
            raise
        except Exception as error:
            self._end(Outcome.FAILED)
            _log.exception("answer_failed")
            raise ModelFailed("a defect while the question was answered") from error
        finally:
            self.close()

    def _frame_of(self, asked: Asked) -> Frame:
        """The frame for what is asked: another one where the text, or the character, was stored."""
        personas = self._backend.personas
        if self.question.character is not None and asked.character is not None:
            of_character = self.question.character.frame_of
            return of_character(asked.character, asked.text, self._backend.prompt_tokens)(personas)
        if self.question.frame_of is None or asked.text == self.question.text:
            return self._frame
        return self.question.frame_of(asked.text)(personas)

    def _note_if_full(
        self, turn: KeptTurn | None, conversation: Conversation, frame: Frame, written: Written
    ) -> None:
        """Let a summary be made when nobody waits, if the room's turns are soon cut."""
        backend, room, usage = self._backend, self.question.room, written.finished.usage
        if backend.summaries is None or room is None or turn is None or turn.where is not Stored.DATABASE:
            return
        if usage.prompt + usage.completion >= FULL * backend.prompt_tokens:
            around = replace(conversation, exchanges=(), summaries=(), references=(), begun="")
            letters = backend.sampling.korean_letters
            backend.summaries.note(
                FilledRoom(room, turn.id, around, frame.language, letters, backend.prompt_tokens)
            )

    def _counts(self, written: Written) -> bool:
        """Whether an answer that did not end by itself counts: that is wanted, and there is any of it."""
        return self.question.keep_partial and any(choice.text.strip() for choice in written.choices)

    async def _kept(self, asked: Asked, written: Written, gathered: Gathered) -> KeptTurn | None:
        """Store what is written and wait for that; None without a room."""
        storing = self._keep(asked, written, gathered)
        return None if storing is None else await asyncio.shield(storing)

    def _keep(self, asked: Asked, written: Written, gathered: Gathered) -> asyncio.Task[KeptTurn] | None:
        """Store what is written; None without a room."""
        room = self.question.room
        if room is None:
            return None
        turns_read = None
        # Where not all turns could be recalled, those that entered do not tell where the path was cut.
        if self.report is not None and gathered.recollection.state is Recalled.WHOLE:
            turns_read = len(self.report.kept_turns)
        first = written.choices[0]
        return self._turns.keep(room, asked, first.text, self.model, first.reason, turns_read)

    def _answered(self, written: Written, gathered: Gathered, turn: KeptTurn | None) -> Answered:
        finished = written.finished
        return Answered(
            choices=written.choices,
            usage=finished.usage,
            timings=Timings(
                queue=finished.queue,
                history=gathered.history_seconds,
                search=gathered.search_seconds,
                prefill=finished.prefill,
                decode=finished.decode,
                total=time.monotonic() - self.question.arrived,
            ),
            search=gathered.found,
            history=None if turn is None else turn.where,
            turn=None if turn is None else turn.id,
            recalled=gathered.recollection.state,
            report=self.report,
        )
