"""The port to stored characters; the database of a history has them beside its turns."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from chatbot.domain.characters import CharacterLine, StoredCharacter
from chatbot.domain.history import Owner


class Characters(Protocol):
    """The characters of users. Every method may raise HistoryUnavailable; none blocks the event loop.

    A call that fails or is cancelled may still take effect later.
    """

    async def lines(self, owner: Owner) -> Sequence[CharacterLine]:
        """All of the owner's, those changed last first."""
        ...

    async def read(self, owner: Owner, id_: UUID) -> StoredCharacter | None:
        """The newest version; None when the owner has no such character."""
        ...

    async def put(self, owner: Owner, stored: StoredCharacter) -> bool:
        """Store a version: the first of a new character, or the one that follows the newest.

        False, and nothing is stored, when its version is taken, when the version before it is not the newest,
        or when the character was deleted.
        """
        ...

    async def delete(self, owner: Owner, id_: UUID) -> int:
        """Delete the character for good; 1, or 0 when there was none."""
        ...

    async def delete_all(self, owner: Owner) -> int:
        """Delete all of the owner's for good, and return how many there were."""
        ...

    async def owners(self) -> Sequence[Owner]:
        """Everybody who has characters."""
        ...
