"""OpenAI's format of responses (OpenAI API reference, "Responses" and "Streaming events").

A stream tells of the response and of its one item as they begin, grow and end; the queue shows as
comments, which clients skip.
"""

import time
from collections.abc import Iterable
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from chatbot.api.answers import closing_headers
from chatbot.api.errors import Failure
from chatbot.api.native_format import named_event
from chatbot.api.openai.body import ReadBody
from chatbot.api.openai.failures import openai_failure
from chatbot.api.openai.format import asking_headers, queue_comment
from chatbot.api.openai.responses.items import CallItem, Event, MessageItem, OutputItem
from chatbot.api.openai.responses.schema import ResponseRequest
from chatbot.core.reply import Answered, AnswerEvent, Reply
from chatbot.domain.messages import FinishReason, Token, Usage, Waiting

_INCOMPLETE = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.STOPPED: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
}
"""Why a response is not complete, in OpenAI's words."""


class OpenAIResponsesFormat:
    """See ResponseFormat."""

    def __init__(self, reply: Reply, body: ReadBody[ResponseRequest], request: Request) -> None:
        self._reply = reply
        self._asked = body.request
        self._ignored = body.ignored
        self._id = request.state.request_id
        self._created = int(time.time())
        self._sent = 0
        forced = body.request.forces_a_call
        self._item: OutputItem = CallItem(self._id) if forced else MessageItem(self._id)

    def opening(self) -> dict[str, str]:
        """See ``asking_headers``."""
        return asking_headers(self._reply, self._ignored)

    def whole(self, answered: Answered) -> Response:
        """A ``response`` object."""
        response = self._ended(answered, _status(answered))
        return JSONResponse(response, headers={**self.opening(), **closing_headers(answered)})

    def event(self, event: AnswerEvent) -> bytes:
        """The events of a response."""
        begin = b"" if self._sent else self._begin()
        match event:
            case Waiting():
                return begin + queue_comment(event)
            case Token(text):
                return begin + self._events(self._item.grow(text))
            case Answered():
                status = _status(event)
                last = self._events(self._item.end(status, event.text))
                response = self._ended(event, status)
                return begin + last + self._event(status, response=response)

    def failed(self, failure: Failure) -> bytes:
        """The event ``response.failed``."""
        begin = b"" if self._sent else self._begin()
        told = openai_failure(failure)["error"]
        error = {"code": told["code"] or told["type"], "message": told["message"]}
        return begin + self._event("failed", response=self._response("failed", error=error))

    def _begin(self) -> bytes:
        response = self._response("in_progress")
        return self._event("created", response=response) + self._event("in_progress", response=response)

    def _ended(self, answered: Answered, status: str) -> dict[str, Any]:
        """The response at its end."""
        reason = _INCOMPLETE.get(answered.reason)
        return self._response(
            status,
            output=self._item.output(status, answered.text),
            usage=_usage(answered.usage),
            incomplete_details={"reason": reason} if reason else None,
        )

    def _response(self, status: str, **more: Any) -> dict[str, Any]:
        asked = self._asked
        called = asked.called
        return {
            "id": f"resp_{self._id}",
            "object": "response",
            "created_at": self._created,
            "status": status,
            "model": asked.model,
            "instructions": asked.instructions or None,
            "max_output_tokens": asked.max_output_tokens,
            "temperature": asked.temperature,
            "top_p": asked.top_p,
            "text": {"format": asked.text.format.told()},
            "tools": [{"type": "function", **function.model_dump(), "strict": True} for function in called],
            "tool_choice": asked.model_dump(include={"tool_choice"})["tool_choice"] if called else "auto",
            "parallel_tool_calls": False,
            "previous_response_id": None,
            "store": False,
            "truncation": "auto",
            "metadata": {},
            "error": None,
            "incomplete_details": None,
            "output": [],
            "usage": None,
            **more,
        }

    def _events(self, events: Iterable[Event]) -> bytes:
        return b"".join(self._event(kind, **data) for kind, data in events)

    def _event(self, kind: str, **data: Any) -> bytes:
        named = f"response.{kind}"
        payload = {"type": named, "sequence_number": self._sent, **data}
        self._sent += 1
        return named_event(named, payload)


def _status(answered: Answered) -> str:
    return "incomplete" if answered.reason in _INCOMPLETE else "completed"


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt + usage.completion,
    }
