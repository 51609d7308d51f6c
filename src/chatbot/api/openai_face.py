"""``/v1``: the same models for clients that speak OpenAI's format, streaming too."""

import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from chatbot.api.access import Principal, principal
from chatbot.api.answers import closing_headers, opening_headers
from chatbot.api.body import body_docs, json_body
from chatbot.api.docs import COMPLETION_RESPONSES
from chatbot.api.errors import Failure, openai_body
from chatbot.api.openai_schema import CompletionRequest
from chatbot.api.running import Face, run
from chatbot.api.state import ServiceState
from chatbot.core.reply import Answered, Reply
from chatbot.core.transcript import Names, Said, read_messages
from chatbot.domain.errors import UnknownModel
from chatbot.domain.messages import Sampling, Token, Usage, Waiting
from chatbot.domain.models import ModelState


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def _tuned(sampling: Sampling, body: CompletionRequest) -> Sampling:
    """The service's sampling with what the client set; its own token limit is never exceeded."""
    return replace(
        sampling,
        max_tokens=min(body.limit or sampling.max_tokens, sampling.max_tokens),
        stop=sampling.stop + body.stops,
        seed=body.seed,
        temperature=sampling.temperature if body.temperature is None else body.temperature,
        top_p=body.top_p or sampling.top_p,
    )


def _data(payload: Any) -> bytes:
    return f"data: {json.dumps(payload, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def _face(reply: Reply, body: CompletionRequest, request: Request) -> Face:
    """OpenAI's format; the queue shows as comments, which clients skip."""
    head: dict[str, Any] = {
        "id": f"chatcmpl-{request.state.request_id}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": body.model,
    }
    options = body.stream_options

    def whole(text: str, answered: Answered) -> Response:
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": answered.reason.value,
        }
        content = {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(answered.usage)}
        return JSONResponse(content, headers={**opening_headers(reply), **closing_headers(answered)})

    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        return _data({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    async def chunks() -> AsyncGenerator[bytes, None]:
        role = {"role": "assistant"}
        async with aclosing(reply.events()) as events:
            async for event in events:
                match event:
                    case Waiting(position, eta):
                        yield f": queue position={position} eta_s={eta:.1f}\n\n".encode()
                    case Token(text):
                        yield chunk({**role, "content": text})
                        role = {}
                    case Answered():
                        yield chunk({}, event.reason.value)
                        if options is not None and options.include_usage:
                            yield _data({**head, "choices": [], "usage": _usage(event.usage)})
                        yield b"data: [DONE]\n\n"

    def failed(failure: Failure) -> bytes:
        return _data(openai_body(failure)) + b"data: [DONE]\n\n"

    return Face(whole, chunks, failed)


def openai_router(state: ServiceState) -> APIRouter:
    """The two routes of OpenAI's face."""
    router = APIRouter(prefix="/v1", tags=["openai"])
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
        ask = state.chat.service.ask_transcript(
            read_messages([Said(message.role, message.text, message.name) for message in body.messages]),
            Names(body.character_name, body.user_name, body.greeting),
            caller=asker.caller(user),
            arrived=request.state.arrived,
            tune=lambda sampling: _tuned(sampling, body),
            key=asker.key,
        )
        reply = state.chat.begin(alias, ask)
        return await run(request, reply, _face(reply, body, request), stream=body.stream)

    return router


def _alias(state: ServiceState, model: str) -> str:
    """The alias that a client means: an alias, or the name of the model behind it."""
    for alias, backend in state.chat.backends.items():
        if model in (alias, backend.model.name):
            return alias
    raise UnknownModel(model, tuple(state.chat.backends))
