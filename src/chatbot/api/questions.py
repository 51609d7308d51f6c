"""The POST routes: a question in, a bare JSON string or an event stream out."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from chatbot.api.access import Principal, principal
from chatbot.api.answers import closing_headers, done_data, opening_headers, report_data
from chatbot.api.body import body_docs, json_body
from chatbot.api.docs import ANSWER_RESPONSES, FINISH_HEADER, REPORT_HEADER
from chatbot.api.errors import Failure
from chatbot.api.running import Face, run
from chatbot.api.state import ServiceState
from chatbot.api.streams import frame
from chatbot.core.reply import Answered, Reply
from chatbot.domain.config import ROUTE_NAMES
from chatbot.domain.messages import Token, Waiting
from chatbot.domain.schemas import ChatRequest


def _failed(failure: Failure) -> bytes:
    data = {"status": failure.status, "detail": failure.detail, "retry_after": failure.retry_after}
    return frame("error", data)


def _face(reply: Reply, request: Request) -> Face:
    """The suite's own format: a bare string, or the events queue, token, done and error."""
    wants_report = request.headers.get("x-prompt-report") == "1"

    def whole(text: str, answered: Answered) -> Response:
        headers = {**opening_headers(reply), **closing_headers(answered)}
        if wants_report and answered.report is not None:
            headers["X-Prompt-Report"] = json.dumps(report_data(answered.report), separators=(",", ":"))
        return JSONResponse(text, headers=headers)

    def done(answered: Answered) -> bytes:
        data = done_data(reply, answered, request.state.request_id)
        if wants_report and answered.report is not None:
            data["prompt_report"] = report_data(answered.report)
        return frame("done", data)

    async def frames() -> AsyncGenerator[bytes, None]:
        async with aclosing(reply.events()) as events:
            async for event in events:
                match event:
                    case Token(text):
                        yield frame("token", {"text": text})
                    case Waiting(position, eta):
                        yield frame("queue", {"position": position, "eta_s": round(eta, 1)})
                    case Answered():
                        yield done(event)

    return Face(whole, frames, _failed)


def questions_router(state: ServiceState) -> APIRouter:
    """The two POST routes of a service."""
    router = APIRouter(tags=["chat"])
    schema = state.chat.service.request
    read_body = json_body(schema)
    who = principal(state.keys)
    aliases = [alias for alias in state.chat.backends if alias != "Llama"]
    named = Path(json_schema_extra={"enum": aliases or ["Llama"]})

    async def answer(alias: str, request: Request, body: ChatRequest, asker: Principal) -> Response:
        asker.check_owns(body.user_id)
        ask = state.chat.service.ask(body, asker.caller(body.user_id), request.state.arrived, asker.key)
        reply = state.chat.begin(alias, ask)
        return await run(
            request,
            reply,
            _face(reply, request),
            stream="text/event-stream" in request.headers.get("accept", "").lower(),
            unattended=state.unattended if request.headers.get("x-finish") == "1" else None,
        )

    @router.post(
        "/Llama",
        summary="Answer by the local model",
        response_model=str,
        responses=ANSWER_RESPONSES,
        openapi_extra={**body_docs(schema), "parameters": [FINISH_HEADER, REPORT_HEADER]},
    )
    async def ask_llama(
        request: Request,
        asker: Annotated[Principal, Depends(who)],
        body: Annotated[ChatRequest, Depends(read_body)],
    ) -> Response:
        """A bare JSON string, or Server-Sent Events with `Accept: text/event-stream`."""
        return await answer("Llama", request, body, asker)

    async def known_alias(alias: Annotated[str, named]) -> str:
        if alias in ROUTE_NAMES:
            raise HTTPException(405, headers={"Allow": "GET"})
        state.chat.backend(alias)
        return alias

    @router.post(
        "/{alias}",
        summary=f"Answer by OpenAI ({', '.join(aliases)})",
        response_model=str,
        responses=ANSWER_RESPONSES,
        openapi_extra={**body_docs(schema), "parameters": [FINISH_HEADER, REPORT_HEADER]},
    )
    async def ask_alias(
        alias: Annotated[str, Depends(known_alias)],
        request: Request,
        asker: Annotated[Principal, Depends(who)],
        body: Annotated[ChatRequest, Depends(read_body)],
    ) -> Response:
        """As the local model's route; the alias names a configured OpenAI model."""
        return await answer(alias, request, body, asker)

    @router.api_route("/{alias}", methods=["GET", "HEAD", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    async def other_method(alias: str) -> None:
        # Without this the POST route above would make every unknown name a 405.
        if alias in ROUTE_NAMES:
            raise HTTPException(405, headers={"Allow": "GET"})
        if alias in state.chat.backends:
            raise HTTPException(405, headers={"Allow": "POST"})
        raise HTTPException(404)

    return router
