"""The suite's own format: a bare JSON string, or the events queue, token, then done or error."""

import json
from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from chatbot.api.answers import closing_headers, done_data, opening_headers, report_data
from chatbot.api.errors import Failure
from chatbot.core.reply import Answered, AnswerEvent, Reply
from chatbot.domain.messages import Token, Waiting


def named_event(name: str, data: Any) -> bytes:
    """One event of a stream (WHATWG HTML §9.2) with JSON data."""
    payload = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {payload}\n\n".encode()


class NativeFormat:
    """See ResponseFormat; with ``X-Prompt-Report: 1`` the answer tells what entered its prompt."""

    def __init__(self, reply: Reply, request: Request) -> None:
        self._reply = reply
        self._request_id: str = request.state.request_id
        self._wants_report = request.headers.get("x-prompt-report") == "1"

    def opening(self) -> dict[str, str]:
        """What every answer tells of itself."""
        return opening_headers(self._reply)

    def whole(self, answered: Answered) -> Response:
        """The answer as a JSON string, everything else in headers."""
        headers = {**self.opening(), **closing_headers(answered)}
        if self._wants_report and answered.report is not None:
            headers["X-Prompt-Report"] = json.dumps(report_data(answered.report), separators=(",", ":"))
        return JSONResponse(answered.text, headers=headers)

    def event(self, event: AnswerEvent) -> bytes:
        """One named event."""
        match event:
            case Token(text):
                return named_event("token", {"text": text})
            case Waiting(position, eta):
                return named_event("queue", {"position": position, "eta_s": round(eta, 1)})
            case Answered():
                data = done_data(self._reply, event, self._request_id)
                if self._wants_report and event.report is not None:
                    data["prompt_report"] = report_data(event.report)
                return named_event("done", data)

    def failed(self, failure: Failure) -> bytes:
        """The event ``error``."""
        data = {"status": failure.status, "detail": failure.detail, "retry_after": failure.retry_after}
        return named_event("error", data)
