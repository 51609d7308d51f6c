"""From the bytes of a request in OpenAI's format to what it asks, or a refusal that names the parameter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from pydantic import ValidationError

from chatbot.api import strict_json, texts
from chatbot.api.body import check_content_type, read_limited
from chatbot.api.errors import RequestRefused
from chatbot.api.openai.parameters import UNSUPPORTED, check_parameters
from chatbot.api.openai.schema import CompletionRequest

_CODES = {"missing": "missing_required_parameter", "not_text": UNSUPPORTED}
"""OpenAI's words for kinds of validation errors; every other is an ``invalid_value``."""

_NOT_AN_OBJECT = ("본문은 JSON 객체여야 합니다.", "The body should be a JSON object.")


@dataclass(frozen=True, slots=True)
class CompletionBody:
    """A request as it was understood."""

    request: CompletionRequest
    """What is honoured."""

    ignored: tuple[str, ...]
    """Names of what is not, as the client is told them."""


async def completion_body(request: Request) -> CompletionBody:
    """Read and check the body of a chat completion.

    Raises:
        HTTPException: as ``read_limited`` and ``check_content_type`` say.
        MalformedJson: it is no JSON within the bounds.
        RequestRefused: a parameter is missing, wrong or not supported.
    """
    check_content_type(request)
    return read_completion(await read_limited(request))


def read_completion(data: bytes) -> CompletionBody:
    """What ``completion_body`` does once the bytes are there."""
    body = strict_json.parse(data)
    if not isinstance(body, dict):
        raise RequestRefused(400, _NOT_AN_OBJECT, code="invalid_value")
    ignored = check_parameters(body, CompletionRequest.model_fields)
    try:
        return CompletionBody(CompletionRequest.model_validate(body), ignored)
    except ValidationError as error:
        raise _refusal(error, body) from None


def _refusal(error: ValidationError, body: object) -> RequestRefused:
    """The first of the errors, which is all that a client of this format can be told."""
    first = error.errors(include_input=False, include_url=False)[0]
    kind = first["type"]
    context = {
        name: value for name, value in first.get("ctx", {}).items() if isinstance(value, int | float | str)
    }
    param = param_path(first["loc"], body)
    korean, english = (texts.field_message(kind, context, language) for language in ("ko", "en"))
    return RequestRefused(
        400,
        (f"{param}: {korean}", f"{param}: {english}"),
        param=param,
        code=_CODES.get(kind, "invalid_value"),
    )


def param_path(place: Sequence[int | str], body: object) -> str:
    """Where an error is, as the client wrote it: "messages.0.content".

    What leads nowhere in the body is the library's own word, but for the last: that may be what is missing.
    """
    path: list[str] = []
    for number, part in enumerate(place, start=1):
        inside = _member(body, part)
        if inside is not None:
            body = inside
        elif number < len(place) or not isinstance(body, Mapping) or not str(part).isidentifier():
            continue
        path.append(str(part))
    return ".".join(path)


def _member(body: object, part: int | str) -> object:
    if isinstance(body, Mapping):
        return body.get(part)
    return body[part] if isinstance(body, list) and isinstance(part, int) and part < len(body) else None
