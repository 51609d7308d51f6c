"""OpenAI's format of answers (OpenAI API reference, "Chat completions").

The queue shows as comments of the stream, which clients skip.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from chatbot.api.answers import closing_headers, opening_headers
from chatbot.api.errors import Failure
from chatbot.api.openai.body import ReadBody
from chatbot.api.openai.failures import openai_failure
from chatbot.api.openai.schema import CompletionRequest
from chatbot.api.openai.tools import CallText
from chatbot.core.reply import Answered, AnswerEvent, Reply
from chatbot.core.written import WrittenAnswer
from chatbot.domain.messages import FinishReason, LikelyToken, Token, TokenLogprobs, Usage, Waiting


def asking_headers(reply: Reply, ignored: Sequence[str]) -> dict[str, str]:
    """As everywhere, which parameters were ignored, and how many of the client's turns were cut."""
    headers = opening_headers(reply)
    if ignored:
        headers["X-Ignored-Parameters"] = ", ".join(ignored)
    if reply.report is not None and reply.report.cut_turns:
        headers["X-Cut-Turns"] = str(len(reply.report.cut_turns))
    return headers


def queue_comment(waiting: Waiting) -> bytes:
    """Where a request stands, as a comment of its stream."""
    return f": queue position={waiting.position} eta_s={waiting.eta:.1f}\n\n".encode()


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


def _token(of: LikelyToken) -> dict[str, Any]:
    return {"token": of.piece.decode("utf-8", "replace"), "logprob": of.logprob, "bytes": list(of.piece)}


def _logprobs(told: Sequence[TokenLogprobs]) -> dict[str, Any]:
    tokens = [
        {**_token(each.chosen), "top_logprobs": [_token(other) for other in each.alternatives]}
        for each in told
    ]
    return {"content": tokens, "refusal": None}


_DONE = b"data: [DONE]\n\n"


class OpenAIFormat:
    """See ResponseFormat."""

    def __init__(self, reply: Reply, body: ReadBody[CompletionRequest], request: Request) -> None:
        self._reply = reply
        self._ignored = body.ignored
        self._head = {
            "id": f"chatcmpl-{request.state.request_id}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": body.request.model,
        }
        self._tells_logprobs = body.request.logprobs
        self._tells_usage = body.request.stream_options.include_usage
        self._begun: set[int] = set()
        self._calls = [CallText() for _ in range(body.request.answers)] if body.request.forces_a_call else []

    def opening(self) -> dict[str, str]:
        """See ``asking_headers``."""
        return asking_headers(self._reply, self._ignored)

    def whole(self, answered: Answered) -> Response:
        """A ``chat.completion`` object."""
        content = {
            **self._head,
            "object": "chat.completion",
            "choices": [
                {
                    "index": index,
                    "message": self._message(index, choice.text),
                    "finish_reason": self._ended(choice),
                    **self._told(choice.logprobs),
                }
                for index, choice in enumerate(answered.choices)
            ],
            "usage": _usage(answered.usage),
        }
        return JSONResponse(content, headers={**self.opening(), **closing_headers(answered)})

    def event(self, event: AnswerEvent) -> bytes:
        """A ``chat.completion.chunk``; an answer's first one names the role, ``[DONE]`` follows the last."""
        match event:
            case Waiting():
                return queue_comment(event)
            case Token(text, told, answer):
                role = {} if answer in self._begun else {"role": "assistant"}
                self._begun.add(answer)
                return self._chunk(answer, {**role, **self._delta(answer, text)}, **self._told(told))
            case Answered():
                ends = enumerate(event.choices)
                last = b"".join(
                    self._chunk(answer, {}, finish_reason=self._ended(choice)) for answer, choice in ends
                )
                if self._tells_usage:
                    last += _data({**self._head, "choices": [], "usage": _usage(event.usage)})
                return last + _DONE

    def failed(self, failure: Failure) -> bytes:
        """An error object in the place of a chunk."""
        return _data(openai_failure(failure)) + _DONE

    def _ended(self, choice: WrittenAnswer) -> str:
        # Nothing but the form ends a forced call by itself.
        called = self._calls and choice.reason is FinishReason.STOP and CallText().feed(choice.text)[0]
        return "tool_calls" if called else _reason(choice.reason)

    def _message(self, answer: int, text: str) -> dict[str, Any]:
        if not self._calls:
            return {"role": "assistant", "content": text}
        name, arguments = CallText().feed(text)
        # Of a call that was cut within its name nothing is told.
        calls = {} if name is None else {"tool_calls": [self._call(answer, name, arguments)]}
        return {"role": "assistant", "content": None, **calls}

    def _delta(self, answer: int, text: str) -> dict[str, Any]:
        if not self._calls:
            return {"content": text}
        name, arguments = self._calls[answer].feed(text)
        if name is not None:
            return {"content": None, "tool_calls": [{"index": 0, **self._call(answer, name, arguments)}]}
        if not arguments:
            return {"content": None}
        return {"tool_calls": [{"index": 0, "function": {"arguments": arguments}}]}

    def _call(self, answer: int, name: str, arguments: str) -> dict[str, Any]:
        function = {"name": name, "arguments": arguments}
        return {"id": f"call_{self._head['id']}_{answer}", "type": "function", "function": function}

    def _told(self, logprobs: Sequence[TokenLogprobs]) -> dict[str, Any]:
        return {"logprobs": _logprobs(logprobs)} if self._tells_logprobs else {}

    def _chunk(self, answer: int, delta: dict[str, Any], **more: Any) -> bytes:
        choice = {"index": answer, "delta": delta, "finish_reason": None, **more}
        return _data({**self._head, "choices": [choice]})
