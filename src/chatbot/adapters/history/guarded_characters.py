"""Characters of a database that may be away: every call ends in its time, and says so when it is."""

from collections.abc import Sequence
from uuid import UUID

from chatbot.adapters.history.watch import CALL_SECONDS, Watch
from chatbot.domain.character_ports import Characters
from chatbot.domain.characters import CharacterLine, StoredCharacter
from chatbot.domain.history import Owner


class GuardedCharacters:
    """Characters behind the watch of their history. Nothing is kept for later."""

    def __init__(self, stored: Characters, watch: Watch, read_seconds: float) -> None:
        """``read_seconds`` is the longest read: an answer waits for it."""
        self._stored = stored
        self._watch = watch
        self._read_seconds = read_seconds

    async def lines(self, owner: Owner) -> Sequence[CharacterLine]:
        """As the port says."""
        return await self._watch.within(CALL_SECONDS, lambda: self._stored.lines(owner))

    async def read(self, owner: Owner, id_: UUID) -> StoredCharacter | None:
        """As the port says."""
        return await self._watch.within(self._read_seconds, lambda: self._stored.read(owner, id_))

    async def put(self, owner: Owner, stored: StoredCharacter) -> bool:
        """As the port says."""
        return await self._watch.within(CALL_SECONDS, lambda: self._stored.put(owner, stored))

    async def delete(self, owner: Owner, id_: UUID) -> int:
        """As the port says."""
        return await self._watch.within(CALL_SECONDS, lambda: self._stored.delete(owner, id_))

    async def delete_all(self, owner: Owner) -> int:
        """As the port says."""
        return await self._watch.within(CALL_SECONDS, lambda: self._stored.delete_all(owner))

    async def owners(self) -> Sequence[Owner]:
        """As the port says."""
        return await self._watch.within(CALL_SECONDS, self._stored.owners)
