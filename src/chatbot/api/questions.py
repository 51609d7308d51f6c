"""The POST routes: a question in, a bare JSON string or an event stream out."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from chatbot.api.access import Principal, principal
from chatbot.api.answers import closing_headers, done_data, opening_headers
from chatbot.api.body import body_docs, json_body
from chatbot.api.docs import ANSWER_RESPONSES, FINISH_HEADER
from chatbot.api.errors import failure_of, language_of_request
from chatbot.api.leaving import ClientLeft, attended
from chatbot.api.state import ServiceState
from chatbot.api.streams import EventStream, begun, frame
from chatbot.core.chat import Answered, Reply
from chatbot.domain.messages import Token, Waiting
from chatbot.domain.schemas import ChatRequest

_RESERVED = frozenset({"performance", "rooms", "docs", "redoc", "openapi.json", "v1", "static"})
"""Names of other routes: a POST there is 405, not an unknown model."""

LEFT_STATUS = 499
"""What the log says of a client that left (nginx's convention); nobody receives it."""


def wants_stream(request: Request) -> bool:
    """Whether the client asked for Server-Sent Events."""
    return "text/event-stream" in request.headers.get("accept", "").lower()


def wants_finish(request: Request) -> bool:
    """Whether the answer is to be completed and stored even if the connection goes."""
    return request.headers.get("x-finish") == "1"


async def complete(reply: Reply) -> tuple[str, Answered]:
    """Run a reply to its end: the whole text and its metadata."""
    pieces: list[str] = []
    answered: Answered | None = None
    try:
        async with aclosing(reply.events()) as events:
            async for event in events:
                if isinstance(event, Token):
                    pieces.append(event.text)
                elif isinstance(event, Answered):
                    answered = event
    finally:
        reply.close()
    if answered is None:
        raise RuntimeError("an answer ended without its last event")
    return "".join(pieces), answered


async def frames(reply: Reply, request_id: str) -> AsyncGenerator[bytes, None]:
    """A reply as the suite's events: queue, token, done."""
    async with aclosing(reply.events()) as events:
        async for event in events:
            match event:
                case Token(text):
                    yield frame("token", {"text": text})
                case Waiting(position, eta):
                    yield frame("queue", {"position": position, "eta_s": round(eta, 1)})
                case Answered():
                    yield frame("done", done_data(reply, event, request_id))


def questions_router(state: ServiceState) -> APIRouter:
    """The two POST routes of a service."""
    router = APIRouter(tags=["chat"])
    schema = state.chat.service.request
    read_body = json_body(schema)
    who = principal(state.keys)
    aliases = [alias for alias in state.chat.backends if alias != "Llama"]

    async def answer(alias: str, request: Request, body: ChatRequest, asker: Principal) -> Response:
        asker.check_owns(body.user_id)
        ask = state.chat.service.ask(body, asker.caller(body.user_id), request.state.arrived)
        reply = state.chat.begin(alias, ask)
        unattended = state.unattended if wants_finish(request) else None
        try:
            if wants_stream(request):
                return await _stream(request, reply, unattended)
            text, answered = await attended(request.receive, complete(reply), unattended=unattended)
        except ClientLeft:
            return Response(status_code=LEFT_STATUS)
        except BaseException:
            reply.close()
            raise
        return JSONResponse(text, headers={**opening_headers(reply), **closing_headers(answered)})

    async def _stream(request: Request, reply: Reply, unattended: set[Any] | None) -> Response:
        request_id: str = request.state.request_id
        language = language_of_request(request)

        def failed(error: BaseException) -> bytes:
            failure = failure_of(error, language)
            data = {"status": failure.status, "detail": failure.detail, "retry_after": failure.retry_after}
            return frame("error", data)

        events = frames(reply, request_id)
        return EventStream(
            # An answer that is to be finished in any case cannot be tied to the wait for its first event.
            events if unattended is not None else await begun(events, request),
            headers=opening_headers(reply),
            failed=failed,
            close=reply.close,
            unattended=unattended,
        )

    @router.post(
        "/Llama",
        summary="Answer by the local model",
        response_model=str,
        responses=ANSWER_RESPONSES,
        openapi_extra={**body_docs(schema), "parameters": [FINISH_HEADER]},
    )
    async def ask_llama(
        request: Request,
        asker: Annotated[Principal, Depends(who)],
        body: Annotated[ChatRequest, Depends(read_body)],
    ) -> Response:
        """A bare JSON string, or Server-Sent Events with `Accept: text/event-stream`."""
        return await answer("Llama", request, body, asker)

    async def known_alias(alias: str) -> str:
        if alias in _RESERVED:
            raise HTTPException(405, headers={"Allow": "GET"})
        state.chat.backend(alias)
        return alias

    @router.post(
        "/{alias}",
        summary=f"Answer by OpenAI ({', '.join(aliases)})",
        response_model=str,
        responses=ANSWER_RESPONSES,
        openapi_extra={**body_docs(schema), "parameters": [FINISH_HEADER]},
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
        if alias in _RESERVED:
            raise HTTPException(405, headers={"Allow": "GET"})
        raise (
            HTTPException(405, headers={"Allow": "POST"})
            if alias in state.chat.backends
            else HTTPException(404)
        )

    return router
