"""One question being answered: gather, generate, keep; and whatever ends it, ends it here exactly once."""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing
from dataclasses import dataclass

from chatbot.core.context import ContextBuilder, Gathered
from chatbot.core.service import Frame, Question
from chatbot.core.statistics import Statistics, TokenTimes
from chatbot.core.turns import TurnWriter
from chatbot.domain.errors import ChatbotError, ModelFailed, Overloaded
from chatbot.domain.history import HistoryUnavailable, Recalled, Stored
from chatbot.domain.messages import (
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
    """The last event of an answer: it is complete, and stored if it belongs to a room."""

    text: str
    """The whole answer: the texts of all Token events."""

    reason: FinishReason
    """Why it ended."""

    usage: Usage
    """Its tokens."""

    timings: Timings
    """Its seconds."""

    search: SearchResult | None
    """What the web search brought; None when none ran."""

    history: Stored | None
    """Where the turn is now; None for an answer without a room."""

    recalled: Recalled
    """Whether all earlier turns of the room could be read."""

    report: PromptReport | None
    """What entered the prompt, from backends that tell it."""


AnswerEvent = Waiting | Token | Answered


class Reply:
    """A question that has its place. ``close`` is idempotent and must be called in a ``finally``."""

    def __init__(
        self,
        *,
        question: Question,
        frame: Frame,
        model: str,
        sampling: Sampling,
        place: Place,
        held: ExitStack,
        context: ContextBuilder,
        turns: TurnWriter,
        statistics: Statistics,
    ) -> None:
        """``model`` is the name of the model that answers; ``held`` is closed when the question has ended."""
        self.question = question
        self.model = model
        self._frame = frame
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
            gathered = await self._context.gather(self.question, self._frame.language)
            conversation = self._context.converse(self.question, self._frame, gathered)
            times = TokenTimes(self._statistics, self.question.arrived)
            texts: list[str] = []
            finished: Finished | None = None
            async with aclosing(self._place.generate(conversation, self._sampling)) as generation:
                async for event in generation:
                    if isinstance(event, Prompted):
                        self.report = event.report
                        continue
                    if isinstance(event, Finished):
                        finished = event
                        continue
                    if isinstance(event, Token):
                        texts.append(event.text)
                        times.token_leaves()
                    yield event
            assert finished is not None, "the model ended without saying how"  # noqa: S101 (the port promises it)
            text = "".join(texts)
            stored = await self._turns.keep(self.question, text, self.model)
            self._statistics.answered(finished)
            self._end(Outcome.SUCCESSFUL)
            yield self._answered(text, finished, gathered, stored)
        except Overloaded:
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

    def _answered(self, text: str, finished: Finished, gathered: Gathered, stored: Stored | None) -> Answered:
        return Answered(
            text=text,
            reason=finished.reason,
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
            history=stored,
            recalled=gathered.recollection.state,
            report=self.report,
        )
