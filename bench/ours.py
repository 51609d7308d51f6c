"""Our side of a comparison: the product's HTTP application over its engine, asked for raw prompts.

usage: python -m bench.ours PORT     (settings as of the product, from the environment)

Two things differ from the product: the prompt is the question as it stands, and no token ends an answer, so
that both sides read and produce the same. ``/bench/decoding`` tells the seconds spent inside llama_decode.
"""

import asyncio
import socket
import sys
import time

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from chatbot.api.app import create_app
from chatbot.domain.messages import Conversation
from chatbot.domain.service_names import ServiceName
from chatbot.llm.llama.engine_model import LlamaModel
from chatbot.llm.llama.pieces import Endings, Piece
from chatbot.server.listening import BoundedServer
from chatbot.server.settings import load_settings
from chatbot.server.wiring import open_suite


class _Raw:
    """A prompt format that passes the question through."""

    def pieces(self, conversation: Conversation) -> list[Piece]:
        """See PromptFormat."""
        return [Piece(conversation.question)]

    def endings(self, conversation: Conversation) -> Endings:  # noqa: ARG002 (the same for all)
        """No stops."""
        return Endings()


def strip(model: LlamaModel) -> list[float]:
    """Take template and ends away; returns a list whose one number grows by each decode's seconds."""
    loaded = model._loaded.result()
    loaded.prompter._format = _Raw()
    loaded.engine._setup.vocabulary.end_tokens = frozenset()
    context = loaded.engine._stepper.context
    decode, spent = context.decode, [0.0]

    def timed() -> None:
        begun = time.perf_counter()
        decode()
        spent[0] += time.perf_counter() - begun

    context.decode = timed  # type: ignore[method-assign]
    return spent


async def main(port: int) -> None:
    """Serve until the process is ended."""
    async with open_suite(load_settings(), [ServiceName("office")]) as suite:
        await suite.wait_loaded()
        spent = strip(suite.engines[ServiceName("office")])
        app = create_app(suite.services[ServiceName("office")])

        async def decoding(_: Request) -> JSONResponse:
            return JSONResponse(spent[0])

        # In front of the suite's routes, the last of which takes every path.
        app.routes.insert(0, Route("/bench/decoding", decoding))
        await BoundedServer(app).serve([socket.create_server(("127.0.0.1", port))])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
