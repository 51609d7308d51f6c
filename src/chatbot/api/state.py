"""What the routes of one service share; made once by server/wiring.py and handed to the router factories."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chatbot.api.kept_streams import KeptStreams
from chatbot.core.chat import Chat
from chatbot.domain.access import Keys
from chatbot.domain.history_ports import ChatHistory
from chatbot.domain.models import ChatModel


@dataclass(slots=True)
class ServiceState:
    """One service as the HTTP side sees it."""

    chat: Chat
    """Answers its questions."""

    llama: ChatModel
    """The local model, whose loading decides readiness."""

    history: ChatHistory
    """The rooms of its users."""

    keys: Keys | None
    """The API keys; None: no key is asked."""

    metrics: Callable[[], bytes]
    """Renders the Prometheus page."""

    unattended: set[Any] = field(default_factory=set)
    """Answers that go on after their client has left (X-Finish); kept here so that they are not collected."""

    streams: KeptStreams = field(default_factory=KeptStreams)
    """Those of answers that are finished in any case, which can be gone on with."""

    @property
    def name(self) -> str:
        """The service's name, which is its path prefix too."""
        return str(self.chat.service.name)
