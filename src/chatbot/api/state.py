"""What the routes of one service share; made once by server/wiring.py and handed to the router factories."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from chatbot.core.chat import Chat
from chatbot.domain.access import KeyRing
from chatbot.domain.models import ChatModel


@dataclass(slots=True)
class ServiceState:
    """One service as the HTTP side sees it.

    ``llama`` is the local model, whose loading decides readiness. ``keys`` None means that no key is asked.
    ``metrics`` renders the Prometheus page. ``history_state`` tells whether the database answers.
    """

    chat: Chat
    llama: ChatModel
    keys: KeyRing | None
    metrics: Callable[[], bytes]
    history_state: Callable[[], Awaitable[str]]
    # Answers that go on after their client has left (X-Finish); kept here so that they are not collected.
    unattended: set[Any] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The service's name, which is its path prefix too."""
        return str(self.chat.service.name)
