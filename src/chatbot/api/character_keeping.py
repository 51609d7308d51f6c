"""Making and changing stored characters, so that of two editors none loses anything."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from chatbot.api import texts
from chatbot.api.errors import RequestRefused
from chatbot.api.state import ServiceState
from chatbot.domain.characters import MOST_CHARACTERS, CharacterSheet, StoredCharacter
from chatbot.domain.errors import CharacterChanged, CharacterNotFound
from chatbot.domain.history import HistoryUnavailable, Owner


class Keeper:
    """Makes and changes the characters of one service's users."""

    def __init__(self, state: ServiceState) -> None:
        self.characters = state.history.characters
        self._can_store = state.history.can_store
        self._service = state.chat.service.name

    def owner(self, user_id: str) -> Owner:
        """Whose characters."""
        return Owner(self._service, user_id)

    async def read(self, user_id: str, id_: UUID) -> StoredCharacter:
        """The newest version.

        Raises:
            CharacterNotFound: the user has no such character.
        """
        stored = await self.characters.read(self.owner(user_id), id_)
        if stored is None:
            raise CharacterNotFound("there is no such character")
        return stored

    async def create(self, user_id: str, character: CharacterSheet, avatar: bytes | None) -> StoredCharacter:
        """Store a new character.

        Raises:
            RequestRefused: the user has as many as one may have.
            HistoryUnavailable: nothing can be stored now.
        """
        self._check_room()
        if len(await self.characters.lines(self.owner(user_id))) >= MOST_CHARACTERS:
            raise RequestRefused(409, texts.filled(texts.TOO_MANY_CHARACTERS, limit=MOST_CHARACTERS))
        stored = StoredCharacter(uuid4(), 1, character, _now(), avatar)
        await self.characters.put(self.owner(user_id), stored)
        return stored

    async def change(
        self, user_id: str, id_: UUID, version: int, changed: Callable[[StoredCharacter], StoredCharacter]
    ) -> StoredCharacter:
        """Store the version that follows ``version``.

        A change that is there already is done: its acknowledgement was lost, and it is sent once more.

        Raises:
            CharacterNotFound: the user has no such character (any more).
            CharacterChanged: another version is the newest.
            HistoryUnavailable: nothing can be stored now.
        """
        self._check_room()
        there = await self.read(user_id, id_)
        if there.version == version:
            wanted = replace(changed(there), version=version + 1, updated_at=_now())
            if await self.characters.put(self.owner(user_id), wanted):
                return wanted
            there = await self.read(user_id, id_)
        if there.version == version + 1 and changed(there) == there:
            return there
        raise CharacterChanged(there)

    def _check_room(self) -> None:
        """What the disk keeps in reserve is for turns that are under way, and for what frees it."""
        if not self._can_store():
            raise HistoryUnavailable("nothing can be stored now")


def _now() -> datetime:
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
