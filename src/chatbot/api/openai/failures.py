"""OpenAI's form of failures (OpenAI API reference, "Error codes")."""

from typing import Any

from fastapi.routing import APIRoute

from chatbot.api.errors import Failure
from chatbot.domain.language import Language

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def openai_failure(failure: Failure) -> dict[str, Any]:
    """The JSON body of a failure."""
    fallback = "invalid_request_error" if failure.status < 500 else "server_error"
    kind = _TYPES.get(failure.status, fallback)
    return {"error": {"message": failure.detail, "type": kind, "param": failure.param, "code": failure.code}}


class OpenAIRoute(APIRoute):
    """A route whose failures have OpenAI's form and language; api/errors.py reads both."""

    failure_body = staticmethod(openai_failure)
    usual_language: Language = "en"
