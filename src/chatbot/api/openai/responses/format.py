"""OpenAI's format of responses (OpenAI API reference, "Responses" and "Streaming events").

A stream tells of the response and of its one message as they begin, grow and end; the queue shows as
comments, which clients skip.
"""

import time
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from chatbot.api.answers import closing_headers
from chatbot.api.errors import Failure
from chatbot.api.native_format import named_event
from chatbot.api.openai.body import ReadBody
from chatbot.api.openai.failures import openai_failure
from chatbot.api.openai.format import asking_headers, queue_comment
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
        self._texts: list[str] = []

    def opening(self) -> dict[str, str]:
        """See ``asking_headers``."""
        return asking_headers(self._reply, self._ignored)

    def whole(self, answered: Answered) -> Response:
        """A ``response`` object."""
        return JSONResponse(self._ended(answered), headers={**self.opening(), **closing_headers(answered)})

    def event(self, event: AnswerEvent) -> bytes:
        """The events of a response."""
        begin = b"" if self._sent else self._begin()
        match event:
            case Waiting():
                return begin + queue_comment(event)
            case Token(text):
                begin += b"" if self._texts else self._begin_message()
                self._texts.append(text)
                return begin + self._part_event("output_text.delta", delta=text, logprobs=[])
            case Answered():
                begin += b"" if self._texts else self._begin_message()
                return begin + self._end(event)

    def failed(self, failure: Failure) -> bytes:
        """The event ``response.failed``."""
        begin = b"" if self._sent else self._begin()
        told = openai_failure(failure)["error"]
        error = {"code": told["code"] or told["type"], "message": told["message"]}
        return begin + self._event("response.failed", response=self._response("failed", error=error))

    def _begin(self) -> bytes:
        response = self._response("in_progress")
        created = self._event("response.created", response=response)
        return created + self._event("response.in_progress", response=response)

    def _begin_message(self) -> bytes:
        item = {**self._message("in_progress", ""), "content": []}
        added = self._event("response.output_item.added", output_index=0, item=item)
        return added + self._part_event("content_part.added", part=_text_part(""))

    def _end(self, answered: Answered) -> bytes:
        response = self._ended(answered)
        done = self._part_event("output_text.done", text=answered.text, logprobs=[])
        done += self._part_event("content_part.done", part=_text_part(answered.text))
        done += self._event("response.output_item.done", output_index=0, item=response["output"][0])
        return done + self._event(f"response.{response['status']}", response=response)

    def _ended(self, answered: Answered) -> dict[str, Any]:
        """The response at its end."""
        reason = _INCOMPLETE.get(answered.reason)
        status = "incomplete" if reason else "completed"
        return self._response(
            status,
            output=[self._message(status, answered.text)],
            usage=_usage(answered.usage),
            incomplete_details={"reason": reason} if reason else None,
        )

    def _response(self, status: str, **more: Any) -> dict[str, Any]:
        asked = self._asked
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
            "tools": [],
            "tool_choice": "auto",
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

    def _message(self, status: str, text: str) -> dict[str, Any]:
        return {
            "id": f"msg_{self._id}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": [_text_part(text)],
        }

    def _part_event(self, kind: str, **data: Any) -> bytes:
        """An event of the message's only part."""
        place = {"item_id": f"msg_{self._id}", "output_index": 0, "content_index": 0}
        return self._event(f"response.{kind}", **place, **data)

    def _event(self, kind: str, **data: Any) -> bytes:
        payload = {"type": kind, "sequence_number": self._sent, **data}
        self._sent += 1
        return named_event(kind, payload)


def _text_part(text: str) -> Mapping[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt + usage.completion,
    }
