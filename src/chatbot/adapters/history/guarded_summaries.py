"""Summaries of a database that may be away: every call ends in its time, and says so when it is."""

from collections.abc import Sequence

from chatbot.adapters.history.watch import CALL_SECONDS, Watch
from chatbot.domain.history import PathSummary, Room
from chatbot.domain.history_ports import Summaries


class GuardedSummaries:
    """Summaries behind the watch of their history. Nothing is kept for later: they can be made again."""

    def __init__(self, stored: Summaries, watch: Watch) -> None:
        self._stored = stored
        self._watch = watch

    async def of_room(self, room: Room) -> Sequence[PathSummary]:
        """As the port says."""
        return await self._watch.within(CALL_SECONDS, lambda: self._stored.of_room(room))

    async def put(self, summary: PathSummary) -> bool:
        """As the port says."""
        return await self._watch.within(CALL_SECONDS, lambda: self._stored.put(summary))
