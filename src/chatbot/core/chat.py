"""The one path of both services: reserve, recall and search, generate, remember.

A place at the model is reserved before anything costs time, and whatever ends a question — an answer, an
error, a client that left — ends it here exactly once: the place is given up and the outcome counted.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from chatbot.core import citations
from chatbot.core.service import Ask, Service
from chatbot.core.statistics import Statistics
from chatbot.domain.errors import ChatbotError, Overloaded, UnknownModel
from chatbot.domain.history import ChatHistory, NewTurn, Recalled, Recollection, Stored
from chatbot.domain.language import language_of
from chatbot.domain.messages import (
    Conversation,
    Exchange,
    Finished,
    FinishReason,
    Part,
    PromptReport,
    Sampling,
    Token,
    Usage,
    Waiting,
)
from chatbot.domain.models import AdmissionRequest, ChatModel, Place
from chatbot.domain.prompts import PersonaFile
from chatbot.domain.search import SearchResult, WebSearch
from chatbot.domain.telemetry import Outcome, ServiceMeter

_log = logging.getLogger(__name__)

RECALL_TURNS = 200
"""Turns read from a room: more than any context holds, so that tokens, not this number, do the cutting."""

SEARCH_CHARS = 2400
"""Characters of search results in a prompt: about a quarter of the default context in Korean."""


@dataclass(frozen=True, slots=True)
class Backend:
    """A model under its alias, with the persona texts written for its kind and its default sampling."""

    model: ChatModel
    personas: PersonaFile
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


class Chat:
    """The questions of one service."""

    def __init__(
        self,
        service: Service,
        backends: Mapping[str, Backend],
        history: ChatHistory,
        search: WebSearch | None,
        statistics: Statistics,
        meter: ServiceMeter,
        *,
        deadline_seconds: float,
        search_seconds: float = 5.0,
    ) -> None:
        self.service = service
        self.backends = backends
        self.history = history
        self.statistics = statistics
        self.meter = meter
        self._search = search
        self._deadline_seconds = deadline_seconds
        self._search_seconds = search_seconds
        self._storing: set[asyncio.Task[Stored]] = set()

    def backend(self, alias: str) -> Backend:
        """The backend of an alias; raises UnknownModel with the known ones."""
        try:
            return self.backends[alias]
        except KeyError:
            raise UnknownModel(alias, tuple(self.backends)) from None

    def begin(self, alias: str, ask: Ask) -> "Reply":
        """Reserve a place and return the reply, whose ``close`` must be called whatever happens.

        Raises:
            UnknownModel: before anything is counted.
            Overloaded, Unavailable: refused at the door; counted.
        """
        backend = self.backend(alias)
        sampling = ask.tune(backend.sampling)
        self.statistics.arrived()
        try:
            place = backend.model.reserve(
                AdmissionRequest(
                    service=self.service.name,
                    caller=ask.caller,
                    arrived=ask.arrived,
                    deadline=ask.arrived + self._deadline_seconds,
                    prompt_chars=ask.chars,
                    max_tokens=sampling.max_tokens,
                )
            )
        except BaseException as error:
            refused = isinstance(error, Overloaded)
            self.statistics.ended(Outcome.REFUSED if refused else Outcome.FAILED, ask.arrived)
            raise
        return Reply(self, backend, ask, sampling, place)

    async def look_up(self, ask: Ask) -> tuple[SearchResult | None, float]:
        """Search if the question asks for it; returns the result and the seconds it took."""
        if not ask.search or self._search is None:
            return None, 0.0
        begun = time.monotonic()
        language = language_of(ask.question)
        result = await self._search.search(ask.question, language, self._search_seconds)
        return result, time.monotonic() - begun

    async def recall(self, ask: Ask) -> tuple[Recollection, float]:
        """The room's earlier turns and the seconds it took; empty without a room."""
        if ask.room is None:
            return Recollection(()), 0.0
        begun = time.monotonic()
        return await self.history.recall(ask.room, RECALL_TURNS), time.monotonic() - begun

    async def store(self, turn: NewTurn) -> Stored:
        """Store a complete answer, even if the client leaves at this very moment."""
        storing = asyncio.create_task(self.history.remember(turn))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        return await asyncio.shield(storing)

    async def settled(self) -> None:
        """Return when every answer that was complete is stored."""
        while self._storing:
            await asyncio.wait(self._storing)

    def converse(
        self, ask: Ask, personas: PersonaFile, recollection: Recollection, found: SearchResult | None
    ) -> Conversation:
        """Put the parts of a prompt in their order; the backend renders and cuts them."""
        frame = ask.frame(personas)
        turns = tuple(Exchange(turn.index, turn.question, turn.answer) for turn in recollection.turns)
        references: tuple[Part, ...] = ()
        if found is not None:
            block = citations.references_block(found, language_of(ask.question), SEARCH_CHARS)
            references = (Part("search", block),)
        room = ask.room
        return Conversation(
            system=frame.system,
            question=ask.question,
            opening=frame.opening,
            exchanges=turns + ask.exchanges,
            references=references,
            speakers=frame.speakers,
            room=None if room is None else f"{room.service}/{room.user_id}/{room.db_id}",
        )


class Reply:
    """One question being answered. ``close`` is idempotent and must be called in a ``finally``."""

    def __init__(self, chat: Chat, backend: Backend, ask: Ask, sampling: Sampling, place: Place) -> None:
        self._chat = chat
        self._backend = backend
        self._place = place
        self._sampling = sampling
        self._settled = False
        self.ask = ask

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
            self._chat.statistics.ended(outcome, self.ask.arrived)

    async def events(self) -> AsyncGenerator[AnswerEvent, None]:
        """Yield Waiting and Token events, then one Answered after the turn is stored or safely kept.

        Raises:
            ChatbotError: as the ports say; the outcome is counted before it leaves.
        """
        try:
            async with aclosing(self._run()) as events:
                async for event in events:
                    yield event
        except Overloaded:
            self._settle(Outcome.REFUSED)
            raise
        except ChatbotError:
            self._settle(Outcome.FAILED)
            raise
        except Exception:
            self._settle(Outcome.FAILED)
            _log.exception("answer_failed")
            raise
        finally:
            self.close()

    async def _run(self) -> AsyncGenerator[AnswerEvent, None]:
        chat, ask = self._chat, self.ask
        async with asyncio.TaskGroup() as group:
            recalling = group.create_task(chat.recall(ask))
            searching = group.create_task(chat.look_up(ask))
        recollection, history_seconds = recalling.result()
        found, search_seconds = searching.result()
        conversation = chat.converse(ask, self._backend.personas, recollection, found)

        pieces: list[str] = []
        finished: Finished | None = None
        last_token = 0.0
        async with aclosing(self._place.generate(conversation, self._sampling)) as generation:
            async for event in generation:
                match event:
                    case Token(text):
                        now = time.monotonic()
                        if pieces:
                            chat.meter.inter_token(now - last_token)
                        else:
                            chat.statistics.first_token(ask.arrived)
                        last_token = now
                        pieces.append(text)
                        yield event
                    case Waiting():
                        yield event
                    case Finished():
                        finished = event
        if finished is None:
            raise RuntimeError("the model ended without saying how")

        stored = await self._remember("".join(pieces))
        usage = finished.usage
        chat.meter.queued(finished.queue)
        chat.meter.tokens(usage.completion, usage.prompt - usage.cached, usage.cached)
        self._settle(Outcome.SUCCESSFUL)
        yield Answered(
            reason=finished.reason,
            usage=usage,
            timings=Timings(
                queue=finished.queue,
                history=history_seconds,
                search=search_seconds,
                prefill=finished.prefill,
                decode=finished.decode,
                total=time.monotonic() - ask.arrived,
            ),
            search=found,
            history=stored,
            recalled=recollection.state,
            report=finished.report,
        )

    async def _remember(self, answer: str) -> Stored | None:
        room = self.ask.room
        if room is None:
            return None
        turn = NewTurn(uuid4(), room, self.ask.question, answer, self.model, datetime.now(UTC))
        return await self._chat.store(turn)
