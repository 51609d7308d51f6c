"""Passes each request to the pod of its service that can begin it, and the answer back.

A request is repeated only where it was surely not begun: no connection came about, or the pod said so by its
mark. What a pod may have begun is never asked of another.
"""

import logging
from collections.abc import Mapping
from contextlib import nullcontext

import httpcore
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from chatbot.api import texts
from chatbot.api.body import MAX_BODY, BodyTooLarge, declared_length, read_limited
from chatbot.api.disconnect import while_connected
from chatbot.api.few_at_once import FewAtOnce
from chatbot.balancing.forwarding import affinity, is_passed_on, relay, request_to
from chatbot.balancing.pods import Address, Pods
from chatbot.domain.errors import Unavailable
from chatbot.domain.models import Admission

_log = logging.getLogger(__name__)

_MOST_LARGE = 128
"""Large bodies that are held at the same time, each until its answer ends: 256 MiB where one may have 2."""

_CLOSE = {"Connection": "close"}
"""The rest of the body is unread: a further request would start inside it."""

_OUTAGE = {"Retry-After": "5", "X-Accel-Redirect": "@outage"}
"""nginx in front answers with its outage page, as it does for a service that takes no connection."""


class Balancer:
    """An ASGI application in front of the pods of services."""

    def __init__(self, services: Mapping[str, Pods], body_bytes: int) -> None:
        """``services`` are balanced, by name; a body may have ``body_bytes``."""
        self._services = services
        self._body_bytes = body_bytes
        self._large = FewAtOnce(_MOST_LARGE, "large bodies")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI; only HTTP reaches this application."""
        if scope["path"] == "/healthz":
            await Response(status_code=204)(scope, receive, send)
            return
        pods = self._services.get(scope["path"].removeprefix("/").partition("/")[0])
        if pods is None:
            await _said(404, texts.STATUS[404], scope)(scope, receive, send)
            return
        try:
            request = Request(scope, receive)
            async with self._large.place() if _may_be_large(request) else nullcontext():
                body = await read_limited(request, self._body_bytes)
                if not await while_connected(receive, _pass_on(scope, body, pods, send)):
                    await _said(503, texts.STATUS[503], scope, _OUTAGE)(scope, receive, send)
        except Unavailable as error:
            headers = {**_CLOSE, "Retry-After": str(error.retry_after)}
            await _said(503, texts.STATUS[503], scope, headers)(scope, receive, send)
        except BodyTooLarge as error:
            sentence = texts.filled(texts.BODY_TOO_LARGE, kib=error.limit // 1024)
            await _said(413, sentence, scope, _CLOSE)(scope, receive, send)
        except HTTPException as error:
            status = error.status_code
            await _said(status, texts.STATUS[status], scope, _CLOSE)(scope, receive, send)
        except ClientDisconnect:
            return


def _may_be_large(request: Request) -> bool:
    """Whether the body is larger than most routes take, or nobody says how large it is."""
    return declared_length(request) > MAX_BODY or "transfer-encoding" in request.headers


async def _pass_on(scope: Scope, body: bytes, pods: Pods, send: Send) -> bool:
    """Ask the pods one by one until one takes the request; False where none answered.

    First each may begin it at once. Where none can, the first of them queues it or refuses it.
    """
    key = affinity(scope)
    for admission in (Admission.NOW, Admission.QUEUE):
        for pod in pods.order(key):
            with pods.asked(pod):
                taken = await _ask(pod, request_to(pod, scope, body, admission), pods, send)
            if taken is not None:
                return taken
    return False


async def _ask(pod: Address, request: httpcore.Request, pods: Pods, send: Send) -> bool | None:
    """Pass the pod's answer on; None where it surely did not begin, False where it left without an answer.

    The connection is a fresh one: of one that was used before nobody knows whether the pod is closing it.
    """
    begun = False
    async with httpcore.AsyncHTTPConnection(httpcore.Origin(b"http", pod[0].encode(), pod[1])) as connection:
        try:
            answer = await connection.handle_async_request(request)
            if is_passed_on(answer):
                return None
            begun = True
            await relay(answer, send)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            _log.warning("pod_not_reached", extra={"pod": pod[0], "reason": str(error)})
            pods.took_no_connection(pod)
            return None
        except (httpcore.NetworkError, httpcore.RemoteProtocolError) as error:
            _log.warning("pod_broke_off", extra={"pod": pod[0], "reason": str(error)})
            # A begun answer that ends here unfinished closes the client's connection.
            return begun
    return True


def _said(
    status: int, sentence: tuple[str, str], scope: Scope, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer of the balancer's own."""
    language = texts.language_of_header(Headers(scope=scope).get("accept-language", ""))
    return JSONResponse({"detail": texts.pick(sentence, language)}, status, headers)
