"""Whose conversations and characters a command of the history means, and how they are exported."""

from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

from chatbot.adapters.history.character_records import lines_of_characters
from chatbot.adapters.history.records import write_record
from chatbot.adapters.history.resilient import ResilientHistory
from chatbot.core.exporting import told_turns
from chatbot.domain.errors import StartupError
from chatbot.domain.history import Owner
from chatbot.domain.service_names import ServiceName
from chatbot.services.registry import SERVICES


async def services_meant(history: ResilientHistory, service: ServiceName | None) -> list[ServiceName]:
    """The services that are meant: one, or all and those that are gone and left conversations behind.

    Raises:
        StartupError: there is no such service, and no conversation of one.
    """
    known = list(dict.fromkeys([*SERVICES, *(owner.service for owner in await owners_of(history))]))
    if service is None:
        return known
    if service not in known:
        raise StartupError(f"there is no service {service}: --service takes {', '.join(known)}")
    return [service]


async def owners_of(history: ResilientHistory) -> list[Owner]:
    """Everybody who has turns or characters."""
    return list(dict.fromkeys([*await history.owners(), *await history.characters.owners()]))


async def export_lines(
    history: ResilientHistory,
    counted: Counter[str],
    service: ServiceName | None,
    user: str | None,
    room: UUID | None = None,
) -> AsyncIterator[str]:
    """What an export writes of a user, or of everybody, in one service or in all: turns, then characters.

    What was chosen for a room stands with the first of its turns, a summary with its turn.
    """
    services = await services_meant(history, service)
    owners = await owners_of(history) if user is None else [Owner(one, user) for one in services]
    for owner in owners:
        if owner.service in services:
            every = history.export(owner.service, owner.user_id)
            meant = (turn async for turn in every if room in (None, turn.room.db_id))
            async for turn, state, summary in told_turns(history, meant):
                counted["turns"] += 1
                yield write_record(turn, state, summary)
            if room is None:
                async for line in lines_of_characters(history.characters, owner):
                    counted["characters"] += 1
                    yield line


def told(counted: Counter[str]) -> str:
    """How many turns, and how many characters where there are any."""
    characters = f" and {counted['characters']} characters" if counted["characters"] else ""
    return f"{counted['turns']} turns{characters}"
