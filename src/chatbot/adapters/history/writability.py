"""Whether a turn could be stored anywhere now, so that no answer is computed that would then be lost."""

import logging
from typing import Protocol

from chatbot.domain.history import HistoryUnavailable

_log = logging.getLogger(__name__)


class Writable(Protocol):
    """Where turns are stored: the database, or the spool."""

    async def check_writable(self, *, by_writing: bool) -> None:
        """As TurnStore.check_writable; OSError says no too."""
        ...


class Writability:
    """What was last found out; looking writes nothing as long as nothing has failed."""

    def __init__(self) -> None:
        self.given = True

    def lost(self, error: Exception) -> None:
        """No place took a turn: refuse from now on, until one takes a trial."""
        if self.given:
            self.given = False
            _log.error("history_not_writable", extra={"error": type(error).__name__})

    async def look(self, *places: Writable) -> None:
        """Ask the places, in this order, until one would take a turn."""
        failure: Exception | None = None
        # As it is now: while the places are asked, a turn may be lost, and only a trial outweighs that.
        by_writing = not self.given
        for place in places:
            try:
                await place.check_writable(by_writing=by_writing)
            except (HistoryUnavailable, OSError) as error:
                failure = error
            else:
                if by_writing:
                    self.given = True
                    _log.warning("history_writable_again")
                return
        if failure is not None:
            self.lost(failure)
