"""Going on with the stream of an answer that was cut off."""

from typing import Annotated

from fastapi import APIRouter, Header, Path
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from chatbot.api.access import OwnUser, of_users
from chatbot.api.docs import RESUMED_RESPONSES
from chatbot.api.state import ServiceState
from chatbot.api.streams import EventStream
from chatbot.domain.errors import AnswerNotFound

_MOST_DIGITS = 9


def _number(last_event_id: str) -> int | None:
    """The event that an id names; None where it cannot be one."""
    plain = last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) <= _MOST_DIGITS
    return int(last_event_id) if plain else None


def resuming_router(state: ServiceState) -> APIRouter:
    """The route of answers that are finished in any case."""
    router = APIRouter(tags=["chat"], dependencies=of_users(state.keys))

    @router.get(
        "/answers/{answer_id}",
        summary="Go on with a stream",
        response_class=Response,
        responses=RESUMED_RESPONSES,
    )
    async def resume(
        answer_id: Annotated[str, Path(examples=["0123456789abcdef0123456789abcdef"])],
        user_id: OwnUser,
        last_event_id: Annotated[str, Header(description="The last event that was seen; 0: none.")] = "0",
    ) -> Response:
        """The events behind the last one that was seen, while the answer runs and ten minutes after it."""
        stream = state.streams.find(answer_id, user_id)
        if stream is None:
            raise AnswerNotFound("no stream of this answer is kept here")
        number = _number(last_event_id)
        if number is None or number > len(stream.events):
            raise RequestValidationError([{"type": "event_id", "loc": ("header", "Last-Event-ID")}])
        headers = {"Cache-Control": "no-store", "X-Answer-Id": stream.id}
        return EventStream(stream.behind(number), lambda: headers)

    return router
