"""One question being answered: gather, generate, keep; and whatever ends it, ends it here exactly once."""

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from chatbot.core.groundwork import Gathered, Groundwork
from chatbot.core.service import Question
from chatbot.core.statistics import Statistics
from chatbot.domain.errors import ChatbotError, ModelFailed, Overloaded
from chatbot.domain.history import HistoryUnavailable, Recalled, Stored
from chatbot.domain.messages import (
    Conversation,
    Finished,
    FinishReason,
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
    """A model under its alias, with the persona texts written for its kind and its default sampling."""

    model: ChatModel
    personas: Personas
    sampling: Sampling


@dataclass(frozen=True, slots=True)
class Timings:
    """Where an answer's time went, in seconds; history and search run side by side."""

    queue: float
    history: float
    search: float
    prefill: float
    decode: float
    total: float


@dataclass(frozen=True, slots=True)
class Answered:
    """The last event of an answer: it is complete, and stored if it belongs to a room.

    ``history`` is None for an answer without a room; ``recalled`` says whether all earlier turns could be
    read.
    """

    reason: FinishReason
    usage: Usage
    timings: Timings
    search: SearchResult | None
    history: Stored | None
    recalled: Recalled
    report: PromptReport | None


AnswerEvent = Waiting | Token | Answered


class Reply:
    """A question that has its place. ``close`` is idempotent and must be called in a ``finally``."""

    def __init__(
        self,
        ask: Question,
        backend: Backend,
        sampling: Sampling,
        place: Place,
        groundwork: Groundwork,
        statistics: Statistics,
    ) -> None:
        self.ask = ask
        self._backend = backend
        self._sampling = sampling
        self._place = place
        self._groundwork = groundwork
        self._statistics = statistics
        self._settled = False

    @property
    def model(self) -> str:
        """The name of the model that answers."""
        return self._backend.model.name

    def close(self) -> None:
        """Give the place up; a question that has not ended yet counts as cancelled."""
        self._settle(Outcome.CANCELLED)

    def _settle(self, outcome: Outcome) -> None:
        if not self._settled:
            self._settled = True
            self._place.release()
            self._statistics.ended(outcome, self.ask.arrived)

    async def events(self) -> AsyncGenerator[AnswerEvent, None]:
        """Yield Waiting and Token events, then one Answered after the turn is stored or safely kept.

        Raises:
            ChatbotError: as the ports say; ModelFailed for a defect, which is logged here and only here.
            HistoryUnavailable: the answer could not be stored anywhere.

        The outcome is counted before any of them leaves.
        """
        try:
            async with aclosing(self._run()) as events:
                async for event in events:
                    yield event
        except Overloaded:
            self._settle(Outcome.REFUSED)
            raise
        except ModelFailed:
            self._settle(Outcome.FAILED)
            _log.exception("answer_failed")
            raise
        except (ChatbotError, HistoryUnavailable):
            self._settle(Outcome.FAILED)
            raise
        except Exception as error:
            self._settle(Outcome.FAILED)
            _log.exception("answer_failed")
            raise ModelFailed("a defect while the question was answered") from error
        finally:
            self.close()

    async def _run(self) -> AsyncGenerator[AnswerEvent, None]:
        gathered = await self._groundwork.gather(self.ask)
        conversation = self._groundwork.converse(self.ask, self._backend.personas, gathered)
        pieces: list[str] = []
        finished: Finished | None = None
        async with aclosing(self._generate(conversation)) as generation:
            async for event in generation:
                if isinstance(event, Finished):
                    finished = event
                    continue
                if isinstance(event, Token):
                    pieces.append(event.text)
                yield event
        if finished is None:
            raise RuntimeError("the model ended without saying how")
        stored = await self._groundwork.keep(self.ask, "".join(pieces), self.model)
        self._statistics.answered(finished)
        self._settle(Outcome.SUCCESSFUL)
        yield self._answered(finished, gathered, stored)

    async def _generate(self, conversation: Conversation) -> AsyncGenerator[Waiting | Token | Finished, None]:
        """The model's events, with the times between them measured."""
        last = 0.0
        async with aclosing(self._place.generate(conversation, self._sampling)) as generation:
            async for event in generation:
                if isinstance(event, Token):
                    now = time.monotonic()
                    if last:
                        self._statistics.next_token(now - last)
                    else:
                        self._statistics.first_token(self.ask.arrived)
                    last = now
                yield event

    def _answered(self, finished: Finished, gathered: Gathered, stored: Stored | None) -> Answered:
        return Answered(
            reason=finished.reason,
            usage=finished.usage,
            timings=Timings(
                queue=finished.queue,
                history=gathered.history_seconds,
                search=gathered.search_seconds,
                prefill=finished.prefill,
                decode=finished.decode,
                total=time.monotonic() - self.ask.arrived,
            ),
            search=gathered.found,
            history=stored,
            recalled=gathered.recollection.state,
            report=finished.report,
        )
