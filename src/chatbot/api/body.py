"""Reading a request body: bounded, JSON only, validated, and never echoed back."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from chatbot.api import strict_json

MAX_BODY = 64 * 1024
"""Bytes, on most routes (contract §2.1). A proxy's own limit lies above, so that clients see this answer."""

_READ_SECONDS = 30.0
"""A body that trickles in slower than this is given up, so that slow senders hold no connection."""

Schema = TypeVar("Schema", bound=BaseModel)


class BodyTooLarge(HTTPException):
    """The body has more than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(413)
        self.limit = limit


async def read_limited(request: Request, limit: int = MAX_BODY) -> bytes:
    """The whole body, of at most ``limit`` bytes.

    Raises:
        BodyTooLarge: said before the rest is read.
        HTTPException: 408 when it does not arrive in time.
    """
    if declared_length(request) > limit:
        raise BodyTooLarge(limit)
    body = bytearray()
    try:
        async with asyncio.timeout(_READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit:
                    raise BodyTooLarge(limit)
    except TimeoutError:
        raise HTTPException(408) from None
    return bytes(body)


def declared_length(request: Request) -> int:
    """Bytes of the body as its head says; 0 where it says nothing."""
    declared = request.headers.get("content-length", "0")
    return int(declared) if declared.isdecimal() else 0


def check_content_type(request: Request) -> None:
    """Take JSON alone; anything else, and any encoding, is 415.

    An absent type is refused too: without one, any page could make its visitors' browsers ask. So are two.
    """
    media = media_type(request)
    subtype = media.removeprefix("application/")
    if media == subtype or not (subtype == "json" or subtype.endswith("+json")):
        raise HTTPException(415)


def media_type(request: Request) -> str:
    """The media type of the body; "" where none or several are named. Any encoding is 415."""
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise HTTPException(415)
    types = request.headers.getlist("content-type")
    return types[0].partition(";")[0].strip().lower() if len(types) == 1 else ""


def parsed_as(schema: type[Schema], data: bytes) -> Schema:
    """The bytes of a body as ``schema``.

    Raises:
        MalformedJson: they are no JSON within the bounds.
        RequestValidationError: it is not what the schema says; without what was sent.
    """
    parsed = strict_json.parse(data)
    try:
        return schema.model_validate(parsed)
    except ValidationError as error:
        raise RequestValidationError(
            [
                {**item, "loc": ("body", *item["loc"])}
                for item in error.errors(include_input=False, include_url=False)
            ]
        ) from None


def json_body(schema: type[Schema], limit: int = MAX_BODY) -> Callable[[Request], Awaitable[Schema]]:
    """A dependency that yields the body, of at most ``limit`` bytes, as ``schema``."""

    async def read(request: Request) -> Schema:
        check_content_type(request)
        return parsed_as(schema, await read_limited(request, limit))

    return read


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    """``node`` with each reference replaced by what it names; the schemas of bodies do not recurse."""
    if isinstance(node, dict):
        if "$ref" in node:
            named = definitions[node["$ref"].removeprefix("#/$defs/")]
            node = {**named, **{key: value for key, value in node.items() if key != "$ref"}}
        return {key: _inlined(value, definitions) for key, value in node.items()}
    return [_inlined(item, definitions) for item in node] if isinstance(node, list) else node


def body_docs(schema: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI entry of a body that ``json_body`` reads.

    Definitions are inlined: a reference to ``#/$defs`` would point to the root of the whole description,
    where there is nothing, and documentation pages fail on it.
    """
    described = schema.model_json_schema()
    definitions = described.pop("$defs", {})
    content = {"application/json": {"schema": _inlined(described, definitions)}}
    return {"requestBody": {"required": True, "content": content}}
