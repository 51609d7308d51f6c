"""The real application over a model that costs nothing, beside a bare Starlette route: see bench.api_cost.

usage: python -m bench.null_suite PORT FOLDER [MONGO_URI]

Everything but the engine is the product's: application, chat path, metrics, history (SQLite, or the database
named), log lines, HTTP server and event loop. The model says as many tokens as the question's first word
names and lets the loop turn after each. ``/bare/N`` streams the very same bytes of N tokens without any of
it; ``/bench/cpu`` tells the seconds of processor time that this process has used.
"""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import uvloop
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route
from tests.support.fakes import packaged_personas

from chatbot.adapters.history.opening import open_history
from chatbot.adapters.prometheus import Metrics
from chatbot.api.app import create_app
from chatbot.api.native_format import named_event
from chatbot.api.state import ServiceState
from chatbot.core.chat import Chat
from chatbot.core.context import ContextBuilder
from chatbot.core.reply import Backend
from chatbot.core.statistics import Statistics
from chatbot.core.turns import TurnWriter
from chatbot.domain.config import HistoryConfig
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
from chatbot.server.listening import BoundedServer
from chatbot.server.logging import set_up_logging
from chatbot.services.office import SERVICE

TEXT = " 가나다"


class NullPlace:
    """A place at the null model."""

    async def generate(
        self,
        conversation: Conversation,
        sampling: Sampling,  # noqa: ARG002 (nothing is sampled)
    ) -> AsyncGenerator[GenerationEvent, None]:
        """See Place."""
        count = int(conversation.question.split()[0])
        for _ in range(count):
            yield Token(TEXT)
            await asyncio.sleep(0)
        yield Finished(FinishReason.STOP, Usage(100, 90, count), 0.0, 0.0, 0.0)

    def release(self) -> None:
        """See Place."""


class NullModel:
    """A ChatModel without work."""

    name = "null"
    lacks: frozenset[str] = frozenset()
    continues = True

    def reserve(self, request: AdmissionRequest) -> NullPlace:  # noqa: ARG002 (everybody is admitted)
        """See ChatModel."""
        return NullPlace()

    def queue_size(self, service: ServiceName) -> int:  # noqa: ARG002 (nobody waits)
        """See ChatModel."""
        return 0

    def status(self) -> ModelStatus:
        """See ChatModel."""
        return ModelStatus(ModelState.READY)


async def bare(request: Request) -> StreamingResponse:
    """The same frames without the product."""

    async def frames() -> AsyncIterator[bytes]:
        for _ in range(int(request.path_params["count"])):
            yield named_event("token", {"text": TEXT})
            await asyncio.sleep(0)

    return StreamingResponse(frames(), media_type="text/event-stream")


async def cpu(_: Request) -> JSONResponse:
    """Seconds of processor time so far."""
    return JSONResponse(time.process_time())


async def serve(port: int, folder: Path, mongo_uri: str = "") -> None:
    """Serve until the process is ended; history lies in ``folder`` or in the database at ``mongo_uri``."""
    config = HistoryConfig(mongo_uri=SecretStr(mongo_uri))
    history, metrics = await open_history(config, folder), Metrics()

    model = NullModel()
    chat = Chat(
        SERVICE,
        {"Llama": Backend(model, packaged_personas()["office"], Sampling(), 3584)},
        ContextBuilder(history, None, 5.0),
        TurnWriter(history),
        Statistics(metrics.service_meter(SERVICE.name)),
        180,
    )
    app = create_app(ServiceState(chat, model, history, None, metrics.page))
    # In front of the suite's routes, the last of which takes every path.
    app.routes[:0] = [Route("/bench/cpu", cpu), Route("/bare/{count}", bare)]
    await BoundedServer(app).serve([socket.create_server(("127.0.0.1", port))])


if __name__ == "__main__":
    set_up_logging("json", "INFO")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
