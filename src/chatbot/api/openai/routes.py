"""``/v1``: the same models for clients that speak OpenAI's format, streaming too."""

import time
from dataclasses import replace
from typing import Annotated, Any, NoReturn

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from starlette.types import Scope

from chatbot.api import texts
from chatbot.api.access import Principal, principal
from chatbot.api.body import body_docs
from chatbot.api.docs import COMPLETION_RESPONSES, MODEL_RESPONSES
from chatbot.api.errors import RequestRefused
from chatbot.api.openai.body import BodyReader, CompletionBody
from chatbot.api.openai.failures import OpenAIRoute
from chatbot.api.openai.format import OpenAIFormat
from chatbot.api.openai.messages import said
from chatbot.api.openai.parameters import UNSUPPORTED
from chatbot.api.openai.schema import CompletionRequest
from chatbot.api.responding import respond
from chatbot.api.state import ServiceState
from chatbot.core.reply import Backend
from chatbot.core.service import Question
from chatbot.core.transcript import Names, Transcript, read_messages
from chatbot.domain.models import ModelState

_MODEL_LACKS = ("이 모델은 이 설정을 받지 않습니다.", "This model does not take this parameter.")
_BEGINS_ANEW = (
    "이 모델은 시작된 답을 이어 쓰지 못합니다. 마지막 메시지는 사용자의 것이어야 합니다.",
    "This model cannot continue an answer; the last message must be the user's.",
)
_NO_ROUTE = ("이런 경로는 없습니다. 있는 경로: {routes}", "There is no such route; there are: {routes}")


def openai_router(state: ServiceState) -> APIRouter:
    """The routes of OpenAI's format."""
    router = APIRouter(prefix="/v1", tags=["openai"], route_class=OpenAIRoute)
    who = principal(state.keys)
    reader = BodyReader()
    started = int(time.time())

    def entry(alias: str, backend: Backend) -> dict[str, Any]:
        return {"id": alias, "object": "model", "created": started, "owned_by": backend.model.name}

    @router.get("/models", summary="The models of this service", responses={401: COMPLETION_RESPONSES[401]})
    async def models(_: Annotated[Principal, Depends(who)]) -> dict[str, Any]:
        return {"object": "list", "data": [entry(*each) for each in _usable(state).items()]}

    @router.get("/models/{model:path}", summary="One model", responses=MODEL_RESPONSES)
    async def one_model(
        model: Annotated[str, Path(examples=["Llama"])], _: Annotated[Principal, Depends(who)]
    ) -> dict[str, Any]:
        alias = _alias(state, model)
        usable = _usable(state)
        if alias not in usable:
            raise _model_not_found(state)
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
        asker: Annotated[Principal, Depends(who)],
        body: Annotated[CompletionBody, Depends(reader.read)],
    ) -> Response:
        """OpenAI's format. The service's persona and rules hold; nothing is remembered."""
        asked = body.request
        user = asked.user or None
        asker.check_owns(user)
        alias = _alias(state, asked.model)
        backend = state.chat.backends[alias]

        def framed() -> Question:
            transcript = read_messages(said(asked.messages))
            _check_takes(backend, asked, transcript)
            question = state.chat.service.ask_transcript(
                transcript,
                Names(asked.character_name, asked.user_name, asked.greeting),
                caller=asker.caller(user),
                arrived=request.state.arrived,
                tune=asked.tuned,
                # Whoever streams has what was written, and an error tells what became of the rest.
                keep_partial=not asked.stream,
                key=asker.key,
            )
            frame = question.frame(backend.personas)
            return replace(question, frame=lambda _: frame)

        reply = state.chat.begin(alias, await reader.work(body, framed))
        return await respond(request, reply, OpenAIFormat(reply, body, request), stream=asked.stream)

    return router


def openai_absent(_: Scope) -> NoReturn:
    """Say that a path is no route of this format, and which there are."""
    routes = "GET /v1/models, GET /v1/models/{model}, POST /v1/chat/completions"
    raise RequestRefused(404, texts.filled(_NO_ROUTE, routes=routes), code="unknown_url")


def _usable(state: ServiceState) -> dict[str, Backend]:
    """The models by alias; one without its key, or that could not be loaded, is none that anybody can use."""
    return {
        alias: backend
        for alias, backend in state.chat.backends.items()
        if backend.model.status().state is not ModelState.FAILED
    }


def _alias(state: ServiceState, model: str) -> str:
    """The alias that a client means: an alias, or the name of the model behind it."""
    for alias, backend in state.chat.backends.items():
        if model in (alias, backend.model.name):
            return alias
    raise _model_not_found(state)


def _model_not_found(state: ServiceState) -> RequestRefused:
    sentence = texts.filled(texts.UNKNOWN_MODEL, known=", ".join(_usable(state)))
    return RequestRefused(404, sentence, param="model", code="model_not_found")


def _check_takes(backend: Backend, asked: CompletionRequest, transcript: Transcript) -> None:
    """Refuse what a foreign model's server would not take, rather than leave it out."""
    lacks = sorted(backend.model.lacks & asked.model_fields_set)
    if lacks:
        raise RequestRefused(400, _MODEL_LACKS, param=lacks[0], code=UNSUPPORTED)
    if transcript.begun and not backend.model.continues:
        raise RequestRefused(400, _BEGINS_ANEW, param="messages", code=UNSUPPORTED)
