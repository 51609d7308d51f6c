"""An answer's metadata as headers and as the ``done`` event: the same facts in two forms."""

from typing import Any
from urllib.parse import quote

from chatbot.core import citations
from chatbot.core.reply import Answered, Reply
from chatbot.domain.history import Recalled
from chatbot.domain.messages import PromptReport

_STEPS = ("queue", "history", "search", "prefill", "decode", "total")
_MOST_NAMES = 60
"""Of what was left out: a lorebook may have hundreds of entries, and a report is a header."""

_SAFE = "!#$%&'()*+,-./:;<=>?@[]^_`{|}~ "


def ascii_value(text: str) -> str:
    """A header value in printable ASCII: everything else percent-encoded."""
    return quote(text, safe=_SAFE)


def opening_headers(reply: Reply) -> dict[str, str]:
    """What is known when the request is admitted."""
    headers = {
        "X-Model": ascii_value(reply.model),
        "X-AI-Generated": "true",
        "Cache-Control": "no-store",
        "Vary": "Accept",
    }
    if reply.question.room is not None:
        headers["X-Db-Id"] = str(reply.question.room.db_id)
    return headers


def history_state(answered: Answered) -> str:
    """ "none" without a room, else where the turn is.

    With "-partial" when earlier turns could not all be read.
    """
    if answered.history is None:
        return "none"
    return answered.history.value + ("-partial" if answered.recalled is Recalled.PARTIAL else "")


def closing_headers(answered: Answered) -> dict[str, str]:
    """What is known when the answer is complete."""
    times = answered.timings
    headers = {
        "Server-Timing": ", ".join(f"{step};dur={getattr(times, step) * 1000:.1f}" for step in _STEPS),
        "X-Finish-Reason": answered.reason.value,
        "X-History": history_state(answered),
    }
    if answered.turn is not None:
        headers["X-Turn-Id"] = str(answered.turn)
    if answered.search is not None:
        headers["X-Search-Status"] = answered.search.outcome.value
        link = citations.link_header(answered.search)
        if link:
            headers["Link"] = link
    return headers


def report_data(report: PromptReport) -> dict[str, Any]:
    """A prompt report as JSON data: tokens by part, the indexes of the room's turns, what was left out."""
    names, more = report.left_out, len(report.left_out) - _MOST_NAMES
    return {
        "tokens": dict(report.tokens),
        "kept_turns": list(report.kept_turns),
        "cut_turns": list(report.cut_turns),
        "left_out": [*names[:_MOST_NAMES], *([f"and {more} more"] if more > 0 else [])],
    }


def done_data(reply: Reply, answered: Answered, request_id: str) -> dict[str, Any]:
    """The data of the ``done`` event."""
    times, usage, found, room = answered.timings, answered.usage, answered.search, reply.question.room
    return {
        "request_id": request_id,
        "model": reply.model,
        "db_id": str(room.db_id) if room else None,
        "turn_id": str(answered.turn) if answered.turn else None,
        "finish_reason": answered.reason.value,
        "usage": {
            "prompt_tokens": usage.prompt,
            "cached_tokens": usage.cached,
            "completion_tokens": usage.completion,
        },
        "search_status": found.outcome.value if found else None,
        "sources": [{"title": hit.title, "url": hit.url} for hit in found.hits] if found else [],
        "history": history_state(answered),
        "timings_ms": {step: round(getattr(times, step) * 1000, 1) for step in _STEPS},
        "ai_generated": True,
    }
