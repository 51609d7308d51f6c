"""A form of JSON as OpenAI's protocol says it; what it says leaves the suite redacted, as all texts do."""

import json
from collections.abc import Callable
from typing import Any

from chatbot.domain.messages import Form, FormKind


def response_format(form: Form, redact: Callable[[str], str]) -> dict[str, Any]:
    """The request's ``response_format``."""
    if form.kind is FormKind.JSON_OBJECT:
        return {"type": "json_object"}
    schema = {"name": "answer", "schema": _redacted(json.loads(form.text), redact), "strict": form.strict}
    return {"type": "json_schema", "json_schema": schema}


def _redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """The same with every text in it redacted, the names of members too."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {redact(name): _redacted(member, redact) for name, member in value.items()}
        case list():
            return [_redacted(member, redact) for member in value]
    return value
