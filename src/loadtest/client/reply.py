"""What came back of one request, however it was answered."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ServiceReply:
    """What came back."""

    status: int = 0
    """0: no answer at all. A stream that fails after its 200 carries the status of its error event."""
    failure: str = ""
    """The `failure_reason` of its row; empty for an answer."""
    error: str = ""
    """What the service or the network said, in words."""
    size: int = 0
    """Bytes of the body."""
    retry_after: float | None = None
    """Seconds after which the service wants to be asked again."""
    process: float | None = None
    """Seconds that the server says it took."""
    first_token: float | None = None
    """Seconds from the send to the first text of a stream."""
    db_id: str | None = None
    """The room that answered."""
    extras: dict[str, Any] = field(default_factory=dict)
    """What has no column, for attempts.jsonl."""

    def take_timing(self, seconds: dict[str, float]) -> None:
        """Takes the server's own steps over, in seconds by name; `total` is its whole time."""
        if "total" in seconds:
            self.process = seconds["total"]
        if seconds:
            self.extras["server_timing"] = {name: round(value, 6) for name, value in seconds.items()}


def failure_of_answer(finish_reason: str | None, characters: int) -> str:
    """What an answer failed by, for its row; "" where it ended by itself and has any text."""
    if finish_reason == "stopped":
        return "deadline"
    return "" if characters else "empty_answer"


def words(detail: object) -> str:
    """The `detail` of a refusal or failure as text."""
    if isinstance(detail, str):
        return detail
    try:
        return json.dumps(detail, ensure_ascii=False)
    except RecursionError:
        return "a detail that is nested too deeply"
