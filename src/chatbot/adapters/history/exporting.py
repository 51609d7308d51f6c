"""Reading all turns of a user in pages, so that an export needs neither memory nor an open cursor."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from chatbot.domain.history import ListedRoom, Room, Turn
from chatbot.domain.service_names import ServiceName

PAGE = 40
"""Turns read at a time, each of up to 256 KiB: a slow client's export holds them, and a search goes through
them in one go."""


class Pages(Protocol):
    """The part of a store or a history that an export needs."""

    async def page(self, room: Room, after: int, limit: int) -> Sequence[Turn]:
        """As TurnStore.page."""
        ...

    async def rooms(self, service: ServiceName, user_id: str) -> Sequence[ListedRoom]:
        """As TurnStore.rooms."""
        ...


async def turns_of_room(source: Pages, room: Room) -> AsyncIterator[Turn]:
    """All turns of a room, oldest first."""
    after = 0
    while page := await source.page(room, after, PAGE):
        for turn in page:
            yield turn
        after = page[-1].index


async def turns_of_user(source: Pages, service: ServiceName, user_id: str) -> AsyncIterator[Turn]:
    """All turns of all rooms of a user, room by room, oldest first."""
    for line in sorted(await source.rooms(service, user_id), key=lambda line: line.db_id):
        async for turn in turns_of_room(source, Room(service, user_id, line.db_id)):
            yield turn
