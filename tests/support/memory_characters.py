"""Characters in memory that do what a database does with them."""

from collections.abc import Sequence
from uuid import UUID

from chatbot.domain.characters import CharacterLine, StoredCharacter
from chatbot.domain.history import Owner


class MemoryCharacters:
    """The newest version of each character by its owner and id."""

    def __init__(self) -> None:
        self.stored: dict[tuple[Owner, UUID], StoredCharacter] = {}

    async def lines(self, owner: Owner) -> Sequence[CharacterLine]:
        lines = [
            CharacterLine(
                one.id,
                one.version,
                one.character.name,
                one.character.excerpt,
                one.updated_at,
                one.avatar is not None,
            )
            for (whose, _), one in self.stored.items()
            if whose == owner
        ]
        return sorted(lines, key=lambda line: line.updated_at, reverse=True)

    async def read(self, owner: Owner, id_: UUID) -> StoredCharacter | None:
        return self.stored.get((owner, id_))

    async def put(self, owner: Owner, stored: StoredCharacter) -> bool:
        there = await self.read(owner, stored.id)
        if stored.version != (there.version if there else 0) + 1:
            return False
        self.stored[owner, stored.id] = stored
        return True

    async def delete(self, owner: Owner, id_: UUID) -> int:
        return 0 if self.stored.pop((owner, id_), None) is None else 1

    async def delete_all(self, owner: Owner) -> int:
        mine = [key for key in self.stored if key[0] == owner]
        for key in mine:
            del self.stored[key]
        return len(mine)

    async def owners(self) -> Sequence[Owner]:
        return list(dict.fromkeys(owner for owner, _ in self.stored))
