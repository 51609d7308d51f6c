"""OpenAI's format of answers and failures (OpenAI API reference, "Chat completions" and "Error codes").

The queue shows as comments of the stream, which clients skip.
"""

import json
import time
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from chatbot.api.answers import closing_headers, opening_headers
from chatbot.api.errors import Failure
from chatbot.api.openai_schema import CompletionRequest
from chatbot.core.reply import Answered, AnswerEvent, Reply
from chatbot.domain.messages import Token, Usage, Waiting

_ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def openai_failure(failure: Failure) -> dict[str, Any]:
    """The JSON body of a failure."""
    detail = failure.detail
    param = None
    if isinstance(detail, list) and detail:
        param = ".".join(str(part) for part in detail[0]["loc"][1:]) or None
        detail = "; ".join(item["msg"] for item in detail)
    fallback = "invalid_request_error" if failure.status < 500 else "server_error"
    kind = _ERROR_TYPES.get(failure.status, fallback)
    return {"error": {"message": detail, "type": kind, "param": param, "code": failure.code}}


class OpenAIRoute(APIRoute):
    """A route whose failures have OpenAI's shape; api/errors.py reads ``failure_body``."""

    failure_body = staticmethod(openai_failure)


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def _data(payload: Any) -> bytes:
    return f"data: {json.dumps(payload, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


_DONE = b"data: [DONE]\n\n"


class OpenAIFormat:
    """See ResponseFormat."""

    def __init__(self, reply: Reply, body: CompletionRequest, request: Request) -> None:
        self._reply = reply
        self._head = {
            "id": f"chatcmpl-{request.state.request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": body.model,
        }
        self._tells_usage = body.stream_options is not None and body.stream_options.include_usage
        self._role = {"role": "assistant"}

    def whole(self, answered: Answered) -> Response:
        """A ``chat.completion`` object."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answered.text},
            "finish_reason": answered.reason.value,
        }
        content = {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": _usage(answered.usage),
        }
        return JSONResponse(content, headers={**opening_headers(self._reply), **closing_headers(answered)})

    def event(self, event: AnswerEvent) -> bytes:
        """A ``chat.completion.chunk``; the first names the role, the last is followed by ``[DONE]``."""
        match event:
            case Waiting(position, eta):
                return f": queue position={position} eta_s={eta:.1f}\n\n".encode()
            case Token(text):
                role, self._role = self._role, {}
                return self._chunk({**role, "content": text})
            case Answered():
                last = self._chunk({}, event.reason.value)
                if self._tells_usage:
                    last += _data({**self._head, "choices": [], "usage": _usage(event.usage)})
                return last + _DONE

    def failed(self, failure: Failure) -> bytes:
        """An error object in the place of a chunk."""
        return _data(openai_failure(failure)) + _DONE

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        return _data({**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
