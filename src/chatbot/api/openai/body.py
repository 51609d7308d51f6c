"""From the bytes of a request in OpenAI's format to what it asks, or a refusal that names the parameter."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import Request
from pydantic import ValidationError

from chatbot.api import strict_json, texts
from chatbot.api.body import check_content_type, declared_length, read_limited
from chatbot.api.errors import RequestRefused
from chatbot.api.few_at_once import FewAtOnce
from chatbot.api.openai.parameters import UNSUPPORTED, check_parameters
from chatbot.api.openai.schema import AskingRequest

MAX_BODY = 1024 * 1024
"""Bytes of a body: some 200 long turns, more than any of our contexts holds."""

_SMALL = 16 * 1024
"""Bytes that are parsed in about a millisecond, sooner than another thread would have begun."""

_MOST_LARGE = 64
"""Larger bodies that are read at the same time."""

_PARSERS = 2
"""Threads that parse; they take turns with the event loop, so more would be no faster."""

_MISSING = "missing_required_parameter"
_CODES = {"missing": _MISSING, "missing_role": _MISSING, "missing_schema": _MISSING, "not_text": UNSUPPORTED}
"""OpenAI's words for kinds of validation errors; every other is an ``invalid_value``."""

_NOT_AN_OBJECT = ("본문은 JSON 객체여야 합니다.", "The body should be a JSON object.")


Result = TypeVar("Result")
Asked = TypeVar("Asked", bound=AskingRequest)
Asked_co = TypeVar("Asked_co", bound=AskingRequest, covariant=True)


@dataclass(frozen=True, slots=True)
class ReadBody(Generic[Asked_co]):
    """A request as it was understood."""

    request: Asked_co
    """What is honoured."""

    ignored: tuple[str, ...]
    """Names of what is not, as the client is told them."""

    large: bool
    """Whether work in proportion to it is too long for the event loop."""


class BodyReader:
    """Reads the bodies of one service's requests in this format.

    A conversation may have a megabyte: then it is read while few others are, and parsed on a thread, so that
    neither memory nor the time of the event loop is its sender's to take.
    """

    def __init__(self) -> None:
        self._large = FewAtOnce(_MOST_LARGE, "large bodies")
        self._threads = ThreadPoolExecutor(_PARSERS, thread_name_prefix="bodies")

    def of(self, schema: type[Asked]) -> Callable[[Request], Awaitable[ReadBody[Asked]]]:
        """A dependency of routes whose body has this schema."""

        async def read(request: Request) -> ReadBody[Asked]:
            return await self.read(request, schema)

        return read

    async def read(self, request: Request, schema: type[Asked]) -> ReadBody[Asked]:
        """Read and check the body of a request.

        Raises:
            HTTPException: as ``read_limited`` and ``check_content_type`` say.
            MalformedJson: it is no JSON within the bounds.
            RequestRefused: a parameter is missing, wrong or not supported.
            Unavailable: too many large bodies are being read.
        """
        check_content_type(request)
        sized = "content-length" in request.headers
        if sized and declared_length(request) <= _SMALL:
            return read_asking(await read_limited(request, MAX_BODY), schema)
        # One that does not say its length may be of any.
        async with self._large.place():
            data = await read_limited(request, MAX_BODY)
            return await self._on_thread(lambda: read_asking(data, schema))

    async def work(self, body: ReadBody[AskingRequest], call: Callable[[], Result]) -> Result:
        """The result of a call that takes time in proportion to the body; raises what it raises."""
        return await self._on_thread(call) if body.large else call()

    async def _on_thread(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)


def read_asking(data: bytes, schema: type[Asked]) -> ReadBody[Asked]:
    """What the bytes of a body ask.

    Raises:
        MalformedJson, RequestRefused: as ``BodyReader.read`` says.
    """
    body = strict_json.parse(data)
    if not isinstance(body, dict):
        raise RequestRefused(400, _NOT_AN_OBJECT, code="invalid_value")
    ignored = check_parameters(body, schema.model_fields, schema.refused, schema.ignored)
    ignored = tuple(sorted({*ignored, *schema.unheeded(body)}))
    try:
        return ReadBody(schema.model_validate(body), ignored, len(data) > _SMALL)
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
