"""The one table from failures to HTTP answers (contract §2.3), in the shape that the route speaks."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from chatbot.api import texts
from chatbot.api.body import BodyTooLarge
from chatbot.api.character_bodies import KeptCharacter
from chatbot.api.disconnect import DISCONNECTED_STATUS
from chatbot.api.notfound import not_found
from chatbot.api.passing import ELSEWHERE_HEADER
from chatbot.api.strict_json import MAX_CONTAINERS, MAX_DEPTH, MalformedJson
from chatbot.domain import errors
from chatbot.domain.history import HistoryUnavailable
from chatbot.domain.language import Language

_log = logging.getLogger(__name__)

_MOST_ITEMS = 20
"""Validation errors that are told: a short body may hold one in every second byte."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure as a client sees it."""

    status: int
    """The HTTP status."""

    detail: Any
    """A sentence, or FastAPI's list of wrong fields; never the input."""

    extra: dict[str, Any] = field(default_factory=dict)
    """What joins ``detail`` in the body: ``retry_after`` (seconds), ``queue_size`` (questions waiting)."""

    code: str | None = None
    """OpenAI's word for it, where it has one."""

    param: str | None = None
    """The parameter at fault as the client wrote it, where a format tells it."""

    @property
    def retry_after(self) -> int | None:
        """Seconds for the Retry-After header, if the failure has one."""
        value: int | None = self.extra.get("retry_after")
        return value

    def body(self) -> dict[str, Any]:
        """The JSON body in the suite's shape."""
        return {"detail": self.detail, **self.extra}


class RequestRefused(Exception):
    """A request that cannot be answered as it was written; it brings its own sentence, Korean and English."""

    def __init__(
        self, status: int, sentence: tuple[str, str], *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(sentence[1])
        self.status = status
        self.sentence = sentence
        self.param = param
        self.code = code


_BY_CLASS: tuple[tuple[type[Exception], int, tuple[str, str] | None], ...] = (
    (errors.KeyRequired, 401, None),
    (errors.NotYourUser, 403, None),
    (errors.RoomNotFound, 404, texts.ROOM_NOT_FOUND),
    (errors.TurnNotFound, 404, texts.TURN_NOT_FOUND),
    (errors.SummaryNotFound, 404, texts.SUMMARY_NOT_FOUND),
    (errors.AnswerNotFound, 404, texts.ANSWER_NOT_FOUND),
    (errors.RoomGoesOn, 409, texts.ROOM_GOES_ON),
    (errors.CharacterNotFound, 404, texts.CHARACTER_NOT_FOUND),
    (errors.ModelFailed, 500, None),
    (errors.UpstreamFailed, 502, None),
    (errors.NotConfigured, 503, texts.NOT_CONFIGURED),
    (errors.Loading, 503, texts.LOADING),
    (errors.Draining, 503, texts.DRAINING),
    (errors.Unavailable, 503, None),
    (errors.DeadlineExceeded, 504, None),
    (HistoryUnavailable, 503, texts.HISTORY_AWAY),
)


def failure_of(error: BaseException, language: Language) -> Failure:
    """What a client is told of an error; anything unknown is a 500 without internals."""
    match error:
        case errors.Overloaded():
            detail = texts.pick(texts.OVERLOADED, language, retry_after=error.retry_after)
            extra = {"retry_after": error.retry_after, "queue_size": error.queue_size}
            return Failure(429, detail, extra, "rate_limit_exceeded")
        case errors.BadQuestion():
            return _bad_question(error, language)
        case errors.CharacterChanged():
            now = KeptCharacter.of(error.stored).model_dump(mode="json")
            return Failure(409, texts.pick(texts.CHARACTER_CHANGED, language), {"current": now})
        case RequestRefused():
            korean, english = error.sentence
            detail = korean if language == "ko" else english
            return Failure(error.status, detail, code=error.code, param=error.param)
        case RequestValidationError():
            return Failure(422, _items(error.errors(), language))
        case BodyTooLarge():
            return Failure(413, texts.pick(texts.BODY_TOO_LARGE, language, kib=error.limit // 1024))
        case HTTPException():
            sentence = texts.STATUS.get(error.status_code)
            return Failure(error.status_code, texts.pick(sentence, language) if sentence else error.detail)
        case MalformedJson():
            reason = texts.pick(
                texts.JSON_FAULT[error.fault],
                language,
                position=error.position,
                limit=MAX_DEPTH,
                most=MAX_CONTAINERS,
            )
            return Failure(400, f"{texts.pick(texts.STATUS[400], language)} ({reason})")
    for kind, status, pair in _BY_CLASS:
        if isinstance(error, kind):
            detail = texts.pick(pair or texts.STATUS[status], language)
            code = "invalid_api_key" if status == 401 else None
            return Failure(status, detail, _when_again(error), code)
    return Failure(500, texts.pick(texts.STATUS[500], language))


def _bad_question(error: errors.BadQuestion, language: Language) -> Failure:
    match error:
        case errors.UnknownModel():
            known = texts.pick(texts.UNKNOWN_MODEL, language, known=", ".join(error.known))
            return Failure(400, known, code="model_not_found")
        case errors.PromptTooLong():
            detail = texts.pick(texts.TOO_LONG, language, needed=error.needed, limit=error.limit)
            return Failure(400, detail, code="context_length_exceeded")
        case errors.TooManyAnswers():
            detail = texts.pick(texts.TOO_MANY_ANSWERS, language, limit=error.limit)
            return Failure(400, detail, param="n", code="invalid_value")
        case errors.UnknownToken():
            detail = texts.pick(texts.UNKNOWN_TOKEN, language, last=error.size - 1)
            return Failure(400, detail, code="invalid_token", param="logit_bias")
        case errors.UnusableForm():
            detail = texts.pick(texts.UNUSABLE_FORM, language, reason=error.reason)
            return Failure(400, detail, code="invalid_value", param=error.param)
        case errors.CannotContinue():
            return Failure(400, texts.pick(texts.CANNOT_CONTINUE, language))
    return Failure(400, texts.pick(texts.BAD_QUESTION, language))


def _when_again(error: BaseException) -> dict[str, int]:
    """The seconds after which what is not available now may be, as they join the body."""
    if isinstance(error, errors.Unavailable):
        return {"retry_after": error.retry_after}
    return {"retry_after": 5} if isinstance(error, HistoryUnavailable) else {}


def _items(found: Sequence[Any], language: Language) -> list[dict[str, Any]]:
    """The first validation errors, and in the last item how many more there are."""
    items = [_item(item, language) for item in found[:_MOST_ITEMS]]
    if more := len(found) - len(items):
        further = {"type": "further_errors", "loc": (), "ctx": {"more": more}}
        items.append(_item(further, language))
    return items


def _item(item: Any, language: Language) -> dict[str, Any]:
    """One validation error in FastAPI's shape, without the input or anything derived from it."""
    context = {name: value for name, value in item.get("ctx", {}).items() if isinstance(value, int | float)}
    kind = str(item["type"])
    return {"loc": list(item["loc"]), "msg": texts.field_message(kind, context, language), "type": kind}


def language_of_request(request: Request) -> Language:
    """The language that the client prefers, else that of the route's format (OpenAIRoute), else Korean."""
    usual: Language = getattr(request.scope.get("route"), "usual_language", "ko")
    return texts.language_of_header(request.headers.get("accept-language", ""), usual)


def to_response(request: Request, error: BaseException) -> JSONResponse:
    """The HTTP answer for an error."""
    failure = failure_of(error, language_of_request(request))
    if failure.status == 500 and not isinstance(error, errors.ModelFailed):
        _log.error("unhandled_error", exc_info=error)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    if failure.retry_after is not None:
        headers["Retry-After"] = str(failure.retry_after)
    if isinstance(error, errors.AskElsewhere):
        headers[ELSEWHERE_HEADER] = "1"
    if failure.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if failure.status in (408, 413):
        # The rest of the body is unread: a further request on this connection would start inside it.
        headers["Connection"] = "close"
    # What a client speaks is a property of the route (OpenAIRoute); every other speaks the suite's own shape.
    failure_body = getattr(request.scope.get("route"), "failure_body", Failure.body)
    return JSONResponse(failure_body(failure), failure.status, headers)


def install(app: FastAPI, service: str) -> None:
    """Make ``app``, which serves ``service``, answer every failure by this table."""

    async def handle(request: Request, error: Exception) -> Response:
        if isinstance(error, errors.CharacterChanged):
            # Its answer has a whole character, of up to 512 KiB.
            return await asyncio.to_thread(to_response, request, error)
        return to_response(request, error)

    async def other(request: Request, error: Exception) -> Response:
        # A person who mistyped an address gets the page that leads on, as everywhere else in the suite.
        absent = isinstance(error, HTTPException) and error.status_code == 404
        if absent and "text/html" in request.headers.get("accept", "").lower():
            return not_found(request.headers, [service])
        return to_response(request, error)

    async def disconnected(_: Request, __: Exception) -> Response:
        # Nothing failed, and nobody is there to be told.
        return Response(status_code=DISCONNECTED_STATUS)

    app.add_exception_handler(ClientDisconnect, disconnected)
    app.add_exception_handler(HTTPException, other)
    for kind in (
        errors.ChatbotError,
        HistoryUnavailable,
        MalformedJson,
        RequestRefused,
        RequestValidationError,
    ):
        app.add_exception_handler(kind, handle)
