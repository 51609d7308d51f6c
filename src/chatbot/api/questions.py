"""The POST routes: a question in, a bare JSON string or an event stream out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from chatbot.api.access import Asker, Principal, identified
from chatbot.api.body import body_docs, json_body
from chatbot.api.docs import ALIAS_RESPONSES, ANSWER_RESPONSES, FINISH_HEADER, KEEP_HEADER, REPORT_HEADER
from chatbot.api.native_format import NativeFormat
from chatbot.api.passing import admission
from chatbot.api.responding import respond, stream_to_the_end
from chatbot.api.state import ServiceState
from chatbot.domain.schemas import ChatRequest


def questions_router(state: ServiceState) -> APIRouter:
    """The two POST routes of a service."""
    router = APIRouter(tags=["chat"], dependencies=[Depends(identified(state.keys))])
    schema = state.chat.service.request
    read_body = json_body(schema)
    described = {**body_docs(schema), "parameters": [FINISH_HEADER, KEEP_HEADER, REPORT_HEADER]}
    aliases = [alias for alias in state.chat.backends if alias != "Llama"]
    named = Path(json_schema_extra={"enum": aliases or ["Llama"]})

    async def answer(alias: str, request: Request, body: ChatRequest, asker: Principal) -> Response:
        asker.check_owns(body.user_id)
        caller = asker.caller(body.user_id)
        question = state.chat.service.ask(
            body,
            caller,
            request.state.arrived,
            keep_partial=request.headers.get("x-keep") == "partial",
            key=asker.key,
        )
        reply = state.chat.begin(alias, question, admission(request.headers))
        shape = NativeFormat(reply, request)
        stream = "text/event-stream" in request.headers.get("accept", "").lower()
        unattended = state.unattended if request.headers.get("x-finish") == "1" else None
        if stream and unattended is not None:
            return stream_to_the_end(request, reply, shape, state.streams, unattended)
        return await respond(request, reply, shape, stream=stream, unattended=unattended)

    @router.post(
        "/Llama",
        summary="Answer by the local model",
        response_model=str,
        responses=ANSWER_RESPONSES,
        openapi_extra=described,
    )
    async def ask_llama(
        request: Request,
        asker: Asker,
        body: Annotated[ChatRequest, Depends(read_body)],
    ) -> Response:
        """A bare JSON string, or Server-Sent Events with `Accept: text/event-stream`."""
        return await answer("Llama", request, body, asker)

    class AliasRoute(APIRoute):
        """Takes the configured aliases alone: any other name is no path of the service."""

        def matches(self, scope: Scope) -> tuple[Match, Scope]:
            match, child_scope = super().matches(scope)
            if match is not Match.NONE and child_scope["path_params"]["alias"] not in aliases:
                return Match.NONE, {}
            return match, child_scope

    async def ask_alias(
        alias: Annotated[str, named],
        request: Request,
        asker: Asker,
        body: Annotated[ChatRequest, Depends(read_body)],
    ) -> Response:
        """As the local model's route; the alias names a configured OpenAI model."""
        return await answer(alias, request, body, asker)

    router.add_api_route(
        "/{alias}",
        ask_alias,
        methods=["POST"],
        route_class_override=AliasRoute,
        summary=f"Answer by OpenAI ({', '.join(aliases)})",
        response_model=str,
        responses=ALIAS_RESPONSES,
        openapi_extra=described,
    )

    return router
