"""What the connections of a listener share: how many there are, which are idle, what the log was told."""

import logging
import time
from typing import Protocol

from uvicorn.server import ServerState

from chatbot.server.limits import HttpLimits

_log = logging.getLogger(__name__)

_LOG_SECONDS = 60.0
"""The least time between two lines that say the listener is full."""


class Cuttable(Protocol):
    """A connection, as far as it is counted."""

    def abort(self) -> None:
        """Cut it."""


class ListenerState(ServerState):
    """The bounded connections of one uvicorn server."""

    def __init__(self, name: str, limits: HttpLimits) -> None:
        """``name`` is for the log."""
        super().__init__()
        self.limits = limits
        self._name = name
        self._idle: dict[Cuttable, None] = {}
        """Connections without a request under way, the one that has been so for longest first."""
        self._turned_away = 0
        """Connections and requests that found the listener full since the log last said so."""
        self._logged_at = -_LOG_SECONDS

    def joined(self, connection: Cuttable) -> None:
        """A connection was accepted; when there are too many, the longest idle one makes room for it."""
        self._idle[connection] = None
        if len(self.connections) > self.limits.connections:
            longest = next(iter(self._idle))
            self.lost(longest)
            self.connections.discard(longest)
            longest.abort()
            self.turned_away()

    def occupied(self, connection: Cuttable) -> None:
        """The connection has a request."""
        self._idle.pop(connection, None)

    def freed(self, connection: Cuttable) -> None:
        """The connection has no request any more."""
        if connection in self.connections:
            self._idle.setdefault(connection)

    def lost(self, connection: Cuttable) -> None:
        """The connection has ended."""
        self._idle.pop(connection, None)

    def turned_away(self) -> None:
        """Somebody found the listener full: count it, and say it once a minute."""
        self._turned_away += 1
        now = time.monotonic()
        if now - self._logged_at >= _LOG_SECONDS:
            extra = {
                "listener": self._name,
                "limit": self.limits.connections,
                "turned_away": self._turned_away,
            }
            _log.warning("connections_at_limit", extra=extra)
            self._logged_at, self._turned_away = now, 0
