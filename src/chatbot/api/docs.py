"""What the OpenAPI page says of answers and failures that FastAPI cannot see in a signature."""

from typing import Any

_ERROR = {"type": "object", "properties": {"detail": {"type": "string"}}, "required": ["detail"]}
_REFUSAL = {
    "type": "object",
    "properties": {
        "detail": {"type": "string"},
        "retry_after": {"type": "integer", "description": "Seconds, the same as Retry-After."},
        "queue_size": {"type": "integer", "description": "Requests waiting for this model."},
    },
    "required": ["detail", "retry_after", "queue_size"],
}
_INVALID = {
    "type": "object",
    "properties": {
        "detail": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                },
                "required": ["loc", "msg", "type"],
            },
        }
    },
    "required": ["detail"],
}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _events(*names: str) -> dict[str, Any]:
    """The schema of each event of a stream."""
    data = {"type": "string", "description": "JSON; see docs/api.md."}
    return {
        "type": "object",
        "properties": {"event": {"enum": list(names)}, "data": data},
        "required": ["data"],
    }


COMMON: dict[int | str, dict[str, Any]] = {
    401: _json("The API key is missing or wrong (only when keys are on).", _ERROR),
    403: _json("The API key does not own the user_id.", _ERROR),
    422: _json("A field breaks its rule; the input is not echoed.", _INVALID),
    500: _json("A defect; see the log under the request id.", _ERROR),
}

_ANSWER_HEADERS = {
    "X-Request-Id": "The client's id if it is sane, else a new one; the log has it.",
    "X-Model": "The model that answers.",
    "X-AI-Generated": "Always true.",
    "X-Db-Id": "The room; only with a user_id.",
    "X-Answer-Id": "By which the stream can be gone on with; only of one with X-Finish and a user_id.",
    "X-Turn-Id": "The stored turn; only with a user_id. A stream says it in its done event.",
    "X-Finish-Reason": "stop, length, content_filter (the vendor's), or stopped (by the deadline, X-Keep).",
    "X-History": "database, kept, deleted or none, with -partial when earlier turns could not all be read.",
    "X-Search-Status": "How the web search ended; only when one ran.",
    "Link": "The search's sources; only when one found any.",
    "Server-Timing": "Milliseconds in queue, history, search, prefill, decode and in total.",
}

ANSWER_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer: a bare JSON string, or the events queue, token, then done or error.",
        "headers": {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in _ANSWER_HEADERS.items()
        },
        "content": {
            "application/json": {"schema": {"type": "string"}},
            "text/event-stream": {"schema": _events("answer", "queue", "token", "done", "error")},
        },
    },
    **COMMON,
    400: _json("Malformed JSON, unknown model, or a prompt that cannot fit.", _ERROR),
    404: _json("The question names a turn that is not in its room.", _ERROR),
    408: _json("The body did not arrive in time.", _ERROR),
    413: _json("The body is larger than 64 KiB.", _ERROR),
    415: _json("The body is not application/json.", _ERROR),
    429: _json("Refused before any work; retry after the seconds given.", _REFUSAL),
    502: _json("The foreign model service failed.", _ERROR),
    503: _json("Loading, draining or not configured; has Retry-After.", _ERROR),
    504: _json("180 s passed before the last token.", _ERROR),
}

ALIAS_RESPONSES: dict[int | str, dict[str, Any]] = {
    **ANSWER_RESPONSES,
    404: _json("No model could go by this name, or the question names a turn that is not there.", _ERROR),
}

_OPENAI_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}

COMPLETION_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A chat.completion object, or chat.completion.chunk events and [DONE].",
        "headers": {
            "X-Ignored-Parameters": {
                "description": "Parameters that were not honoured; others: names that are not known.",
                "schema": {"type": "string"},
            },
            "X-Cut-Turns": {
                "description": "How many of the oldest turns did not fit; absent when all did.",
                "schema": {"type": "integer"},
            },
        },
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["choices", "usage"]}},
            "text/event-stream": {"schema": _events("message")},
        },
    },
    **{
        status: _json(str(entry["description"]), _OPENAI_ERROR)
        for status, entry in ANSWER_RESPONSES.items()
        if status not in (200, 422)
    },
    413: _json("The body is larger than 1 MiB.", _OPENAI_ERROR),
    404: _json("There is no such model.", _OPENAI_ERROR),
}

_RESPONSE_EVENTS = (
    *("created", "in_progress", "output_item.added", "content_part.added", "output_text.delta"),
    *("output_text.done", "content_part.done", "function_call_arguments.delta"),
    *("function_call_arguments.done", "output_item.done", "completed", "incomplete", "failed"),
)

RESPONSE_RESPONSES: dict[int | str, dict[str, Any]] = {
    **COMPLETION_RESPONSES,
    200: {
        **COMPLETION_RESPONSES[200],
        "description": "A response object, or the events of one.",
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["output", "usage"]}},
            "text/event-stream": {"schema": _events(*(f"response.{name}" for name in _RESPONSE_EVENTS))},
        },
    },
}

MODEL_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: COMPLETION_RESPONSES[status] for status in (401, 404)
}

REPORT_HEADER = {
    "name": "X-Prompt-Report",
    "in": "header",
    "required": False,
    "description": "1: tell which turns, results and persona parts entered the prompt and their tokens.",
    "schema": {"type": "string", "enum": ["1"]},
}

KEEP_HEADER = {
    "name": "X-Keep",
    "in": "header",
    "required": False,
    "description": "partial: store what was written even if the client or the deadline ends the answer.",
    "schema": {"type": "string", "enum": ["partial"]},
}

FINISH_HEADER = {
    "name": "X-Finish",
    "in": "header",
    "required": False,
    "description": "1: complete and store the answer even if the connection goes.",
    "schema": {"type": "string", "enum": ["1"]},
}

ROOM_RESPONSES: dict[int | str, dict[str, Any]] = {
    **COMMON,
    404: _json("No such room of this user, or no such turn in it.", _ERROR),
    503: _json("The history database cannot be reached.", _ERROR),
}

IMPORT_RESPONSES: dict[int | str, dict[str, Any]] = {
    **ROOM_RESPONSES,
    **{status: ANSWER_RESPONSES[status] for status in (400, 408, 415)},
    409: _json("The room goes on here already; nothing was stored.", _ERROR),
    413: _json("The body is larger than 256 KiB.", _ERROR),
}

CHARACTER_RESPONSES: dict[int | str, dict[str, Any]] = {
    **COMMON,
    404: _json("No such character of this user, or no picture of it.", _ERROR),
    503: _json("The history database cannot be reached.", _ERROR),
}

CHARACTER_BODY_RESPONSES: dict[int | str, dict[str, Any]] = {
    400: _json("Malformed JSON, no card, or no picture.", _ERROR),
    408: ANSWER_RESPONSES[408],
    409: _json("The user keeps as many characters as one may.", _ERROR),
    413: _json("The body is too large: 1 MiB, for a card 1.5 MiB.", _ERROR),
    415: _json("The body is of another type.", _ERROR),
}

CHANGED_RESPONSES: dict[int | str, dict[str, Any]] = {
    **CHARACTER_BODY_RESPONSES,
    409: _json(
        "It was changed elsewhere meanwhile.",
        {**_ERROR, "properties": {"detail": {"type": "string"}, "current": {"type": "object"}}},
    ),
}

PNG_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file.",
        "content": {
            "image/png": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}

RESUMED_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events that follow; see docs/api.md.",
        "content": {"text/event-stream": {"schema": _events("answer", "queue", "token", "done", "error")}},
    },
    **COMMON,
    404: _json("No such answer of this user here, or no longer.", _ERROR),
}

ROOM_BODY_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: ANSWER_RESPONSES[status] for status in (400, 408, 413, 415)
}
