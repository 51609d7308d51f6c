"""``/v1``: the same models for clients that speak OpenAI's format, streaming too."""

import time
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from starlette.types import Scope

from chatbot.api import texts
from chatbot.api.access import Asker, identified
from chatbot.api.body import body_docs
from chatbot.api.docs import COMPLETION_RESPONSES, MODEL_RESPONSES, RESPONSE_RESPONSES
from chatbot.api.errors import RequestRefused
from chatbot.api.openai.asking import alias_of, begin, model_not_found, usable_models
from chatbot.api.openai.body import BodyReader, ReadBody
from chatbot.api.openai.failures import OpenAIRoute
from chatbot.api.openai.format import OpenAIFormat
from chatbot.api.openai.responses.format import OpenAIResponsesFormat
from chatbot.api.openai.responses.schema import ResponseRequest
from chatbot.api.openai.schema import CompletionRequest
from chatbot.api.responding import respond
from chatbot.api.state import ServiceState
from chatbot.core.reply import Backend

_NO_ROUTE = ("이런 경로는 없습니다. 있는 경로: {routes}", "There is no such route; there are: {routes}")


def openai_router(state: ServiceState) -> APIRouter:
    """The routes of OpenAI's format."""
    router = APIRouter(
        prefix="/v1",
        tags=["openai"],
        route_class=OpenAIRoute,
        dependencies=[Depends(identified(state.keys))],
    )
    reader = BodyReader()
    started = int(time.time())

    def entry(alias: str, backend: Backend) -> dict[str, Any]:
        return {"id": alias, "object": "model", "created": started, "owned_by": backend.model.name}

    @router.get("/models", summary="The models of this service", responses={401: COMPLETION_RESPONSES[401]})
    async def models() -> dict[str, Any]:
        """Those that can be asked in `data`; the others and why in `unusable`: `no_key`, `not_loaded`."""
        usable = usable_models(state)
        others = [
            {**entry(alias, backend), "reason": "not_loaded" if backend.model is state.llama else "no_key"}
            for alias, backend in state.chat.backends.items()
            if alias not in usable
        ]
        return {
            "object": "list",
            "data": [entry(*each) for each in usable.items()],
            **({"unusable": others} if others else {}),
        }

    @router.get("/models/{model:path}", summary="One model", responses=MODEL_RESPONSES)
    async def one_model(model: Annotated[str, Path(examples=["Llama"])]) -> dict[str, Any]:
        alias = alias_of(state, model)
        usable = usable_models(state)
        if alias not in usable:
            raise model_not_found(state)
        return entry(alias, usable[alias])

    @router.post(
        "/chat/completions",
        summary="Chat completion",
        response_model=None,
        responses=COMPLETION_RESPONSES,
        openapi_extra=body_docs(CompletionRequest),
    )
    async def completions(
        request: Request,
        asker: Asker,
        body: Annotated[ReadBody[CompletionRequest], Depends(reader.of(CompletionRequest))],
    ) -> Response:
        """OpenAI's format. The service's persona and rules hold; nothing is remembered."""
        reply = await begin(state, request, asker, reader, body)
        return await respond(request, reply, OpenAIFormat(reply, body, request), stream=body.request.stream)

    @router.post(
        "/responses",
        summary="Response",
        response_model=None,
        responses=RESPONSE_RESPONSES,
        openapi_extra=body_docs(ResponseRequest),
    )
    async def responses(
        request: Request,
        asker: Asker,
        body: Annotated[ReadBody[ResponseRequest], Depends(reader.of(ResponseRequest))],
    ) -> Response:
        """OpenAI's newer format: text in, text out. The same rules hold; nothing is remembered."""
        reply = await begin(state, request, asker, reader, body)
        shape = OpenAIResponsesFormat(reply, body, request)
        return await respond(request, reply, shape, stream=body.request.stream)

    return router


def openai_absent(_: Scope) -> NoReturn:
    """Say that a path is no route of this format, and which there are."""
    routes = "GET /v1/models, GET /v1/models/{model}, POST /v1/chat/completions, POST /v1/responses"
    raise RequestRefused(404, texts.filled(_NO_ROUTE, routes=routes), code="unknown_url")
