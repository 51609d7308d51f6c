"""OpenAI's format of answers (OpenAI API reference, "Chat completions").

The queue shows as comments of the stream, which clients skip.
"""

import json
import time
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from chatbot.api.answers import closing_headers, opening_headers
from chatbot.api.errors import Failure
from chatbot.api.openai.body import CompletionBody
from chatbot.api.openai.failures import openai_failure
from chatbot.core.reply import Answered, AnswerEvent, Reply
from chatbot.domain.messages import FinishReason, Token, Usage, Waiting


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }


def _reason(reason: FinishReason) -> str:
    """The reason in OpenAI's words, which have none for an answer that the deadline ended."""
    return FinishReason.LENGTH.value if reason is FinishReason.STOPPED else reason.value


def _data(payload: Any) -> bytes:
    return f"data: {json.dumps(payload, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


_DONE = b"data: [DONE]\n\n"


class OpenAIFormat:
    """See ResponseFormat."""

    def __init__(self, reply: Reply, body: CompletionBody, request: Request) -> None:
        self._reply = reply
        self._ignored = body.ignored
        self._head = {
            "id": f"chatcmpl-{request.state.request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": body.request.model,
        }
        self._tells_usage = body.request.stream_options.include_usage
        self._role = {"role": "assistant"}

    def opening(self) -> dict[str, str]:
        """As everywhere, which parameters were ignored, and how many of the client's turns were cut."""
        headers = opening_headers(self._reply)
        if self._ignored:
            headers["X-Ignored-Parameters"] = ", ".join(self._ignored)
        if self._reply.report is not None and self._reply.report.cut_turns:
            headers["X-Cut-Turns"] = str(len(self._reply.report.cut_turns))
        return headers

    def whole(self, answered: Answered) -> Response:
        """A ``chat.completion`` object."""
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answered.text},
            "finish_reason": _reason(answered.reason),
        }
        content = {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": _usage(answered.usage),
        }
        return JSONResponse(content, headers={**self.opening(), **closing_headers(answered)})

    def event(self, event: AnswerEvent) -> bytes:
        """A ``chat.completion.chunk``; the first names the role, the last is followed by ``[DONE]``."""
        match event:
            case Waiting(position, eta):
                return f": queue position={position} eta_s={eta:.1f}\n\n".encode()
            case Token(text):
                role, self._role = self._role, {}
                return self._chunk({**role, "content": text})
            case Answered():
                last = self._chunk({}, _reason(event.reason))
                if self._tells_usage:
                    last += _data({**self._head, "choices": [], "usage": _usage(event.usage)})
                return last + _DONE

    def failed(self, failure: Failure) -> bytes:
        """An error object in the place of a chunk."""
        return _data(openai_failure(failure)) + _DONE

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        return _data({**self._head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
