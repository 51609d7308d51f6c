"""A form of JSON as OpenAI's protocol says it; its texts leave the suite as all others do."""

import json
from collections.abc import Callable
from typing import Any

from chatbot.domain.control_tokens import defused
from chatbot.domain.forms import Form, FormKind


def response_format(form: Form, redact: Callable[[str], str]) -> dict[str, Any]:
    """The request's ``response_format``.

    Every text in a schema passes ``redact`` and loses what a server could take for a control token.
    """
    if form.kind is FormKind.JSON_OBJECT:
        return {"type": "json_object"}
    schema = {
        "name": "answer",
        "schema": _leaving(json.loads(form.text), lambda text: defused(redact(text))),
        "strict": form.strict,
    }
    return {"type": "json_schema", "json_schema": schema}


def _leaving(value: Any, leaving: Callable[[str], str]) -> Any:
    """The same with every text in it as it leaves, the names of members too."""
    match value:
        case str():
            return leaving(value)
        case dict():
            return {leaving(name): _leaving(member, leaving) for name, member in value.items()}
        case list():
            return [_leaving(member, leaving) for member in value]
    return value
