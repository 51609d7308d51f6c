"""``/v1``: the same models for clients that speak OpenAI's format, streaming too."""

import time
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from chatbot.api.access import Principal, principal
from chatbot.api.body import body_docs, json_body
from chatbot.api.docs import COMPLETION_RESPONSES
from chatbot.api.openai_format import OpenAIFormat, OpenAIRoute
from chatbot.api.openai_schema import CompletionRequest
from chatbot.api.responding import respond
from chatbot.api.state import ServiceState
from chatbot.core.transcript import Names, Said, read_messages
from chatbot.domain.errors import UnknownModel
from chatbot.domain.messages import Sampling
from chatbot.domain.models import ModelState


def _tuned(sampling: Sampling, body: CompletionRequest) -> Sampling:
    """The service's sampling with what the client set; its own token limit is never exceeded."""
    return replace(
        body.over(sampling),
        max_tokens=min(body.limit or sampling.max_tokens, sampling.max_tokens),
        stop=sampling.stop + body.stops,
    )


def openai_router(state: ServiceState) -> APIRouter:
    """The two routes of OpenAI's format."""
    router = APIRouter(prefix="/v1", tags=["openai"], route_class=OpenAIRoute)
    who = principal(state.keys)
    read_body = json_body(CompletionRequest)
    started = int(time.time())

    @router.get("/models", summary="The models of this service", responses={401: COMPLETION_RESPONSES[401]})
    async def models(_: Annotated[Principal, Depends(who)]) -> dict[str, Any]:
        entries = [
            {"id": alias, "object": "model", "created": started, "owned_by": backend.model.name}
            for alias, backend in state.chat.backends.items()
            # An alias without its key is a model that nobody can use.
            if backend.model.status().state is not ModelState.FAILED
        ]
        return {"object": "list", "data": entries}

    @router.post(
        "/chat/completions",
        summary="Chat completion",
        response_model=None,
        responses=COMPLETION_RESPONSES,
        openapi_extra=body_docs(CompletionRequest),
    )
    async def completions(
        request: Request,
        asker: Annotated[Principal, Depends(who)],
        body: Annotated[CompletionRequest, Depends(read_body)],
    ) -> Response:
        """OpenAI's format. The service's persona and rules hold; nothing is remembered."""
        user = body.user or None
        asker.check_owns(user)
        alias = _alias(state, body.model)
        question = state.chat.service.ask_transcript(
            read_messages([Said(message.role, message.text, message.name) for message in body.messages]),
            Names(body.character_name, body.user_name, body.greeting),
            caller=asker.caller(user),
            arrived=request.state.arrived,
            tune=lambda sampling: _tuned(sampling, body),
            key=asker.key,
        )
        reply = state.chat.begin(alias, question)
        return await respond(request, reply, OpenAIFormat(reply, body, request), stream=body.stream)

    return router


def _alias(state: ServiceState, model: str) -> str:
    """The alias that a client means: an alias, or the name of the model behind it."""
    for alias, backend in state.chat.backends.items():
        if model in (alias, backend.model.name):
            return alias
    raise UnknownModel(model, tuple(state.chat.backends))
