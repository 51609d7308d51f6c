"""A model without weights behind the real door: the suite's own admission, queue and book of promises."""

import asyncio
import time
from collections.abc import AsyncGenerator

from chatbot.domain.messages import (
    Conversation,
    Finished,
    FinishReason,
    GenerationEvent,
    Sampling,
    Token,
    Usage,
)
from chatbot.domain.models import AdmissionRequest, ModelState, ModelStatus
from chatbot.domain.service_names import ServiceName
from chatbot.scheduling.admission import AdmissionController, Limits
from chatbot.scheduling.capacity import Capacity
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.scheduler import Scheduler, StartDecision
from chatbot.scheduling.ticket import Progress, Ticket


class DoorPlace:
    """A place; its answer is one token, and ends when the model is let go."""

    def __init__(self, model: "DoorModel", ticket: Ticket) -> None:
        self._model = model
        self._ticket = ticket

    async def generate(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[GenerationEvent, None]:
        self._model.asked.append(conversation.question)
        self._model.scheduler.prompt_known(self._ticket, 10, 10, 10)
        try:
            await self._model.turn_of(self._ticket)
            yield Token(self._model.name)
            await self._model.go_on.wait()
            yield Finished(FinishReason.STOP, Usage(10, 0, 1), 0.0, 0.0, 0.0)
        finally:
            self._model.end(self._ticket)

    def release(self) -> None:
        self._model.end(self._ticket)


class DoorModel:
    """Says its name, so that a client sees who answered; holds every answer open until ``go_on`` is set."""

    lacks: frozenset[str] = frozenset()
    continues = True

    def __init__(self, name: str, sequences: int = 1, waiting: int = 1, per_caller: int = 8) -> None:
        self.name = name
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self.scheduler = Scheduler(Capacity(sequences, pool=100_000), Speeds())
        self.admission = AdmissionController(Limits(waiting, per_caller), self.scheduler)
        self._started: dict[Ticket, asyncio.Event] = {}

    @property
    def promises(self) -> int:
        """Open entries of the book."""
        return len(self.admission._promises._by_due)

    def reserve(self, request: AdmissionRequest) -> DoorPlace:
        ticket = Ticket(request.service, request.caller, request.deadline, Progress(10, 10, 100))
        self.admission.reserve(ticket, time.monotonic(), at_once=request.at_once)
        self._started[ticket] = asyncio.Event()
        return DoorPlace(self, ticket)

    async def turn_of(self, ticket: Ticket) -> None:
        """Return when the scheduler starts the ticket."""
        self._start_all()
        await self._started[ticket].wait()

    def end(self, ticket: Ticket) -> None:
        """Free the ticket's place; harmless when repeated."""
        self.scheduler.finished(ticket, time.monotonic(), complete=True)
        self._start_all()

    def _start_all(self) -> None:
        while (ticket := self.scheduler.next(lambda _: StartDecision.START)) is not None:
            self._started[ticket].set()

    def queue_size(self, service: ServiceName) -> int:
        return self.scheduler.waiting(service)

    def status(self) -> ModelStatus:
        return ModelStatus(ModelState.READY)
