"""What an answer looks like to a client: each route has one format, its own or OpenAI's."""

from typing import Protocol

from fastapi.responses import Response

from chatbot.api.errors import Failure
from chatbot.core.reply import Answered, AnswerEvent


class ResponseFormat(Protocol):
    """How one format says things; made anew for each answer."""

    def opening(self) -> dict[str, str]:
        """The headers of what is known when the answer begins."""
        ...

    def whole(self, answered: Answered) -> Response:
        """The response to a client that does not stream."""
        ...

    def event(self, event: AnswerEvent) -> bytes:
        """What a stream sends of one event."""
        ...

    def failed(self, failure: Failure) -> bytes:
        """The end of a stream whose answer failed after its status was sent."""
        ...
