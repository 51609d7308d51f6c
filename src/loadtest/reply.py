"""What came back of one request, however it was answered."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Reply:
    """What came back. Times in seconds; `first_token` counts from the send. `failure` is empty for an answer.

    `status` 0: no answer at all. A stream that fails after its 200 carries the status of its error event.
    """

    status: int = 0
    failure: str = ""
    error: str = ""
    size: int = 0
    retry_after: float | None = None
    process: float | None = None
    first_token: float | None = None
    db_id: str | None = None
    extras: dict[str, Any] = field(default_factory=dict)

    def take_timing(self, seconds: dict[str, float]) -> None:
        """Takes the server's own steps over, in seconds by name; `total` is its whole time."""
        if "total" in seconds:
            self.process = seconds["total"]
        if seconds:
            self.extras["server_timing"] = {name: round(value, 6) for name, value in seconds.items()}


def words(detail: object) -> str:
    """The `detail` of a refusal or failure as text."""
    if isinstance(detail, str):
        return detail
    try:
        return json.dumps(detail, ensure_ascii=False)
    except RecursionError:
        return "a detail that is nested too deeply"
