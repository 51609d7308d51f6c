"""Finding a text in a user's rooms, whatever the database: the rooms used last first, within bounds."""

import asyncio
import time

from chatbot.adapters.history.exporting import PAGE, Pages
from chatbot.domain.history import FoundText, Room, SearchOfRooms, Turn
from chatbot.domain.plaintext import one_line
from chatbot.domain.service_names import ServiceName

MOST_TURNS_READ = 5000
"""Turns read for one search: some seconds of a small database, and more than most people ever write."""

SECONDS = 2.0
"""Longest search: shorter than a person's patience, and than the time a read may take."""

MOST_FOUND = 50
"""Places told: more than anybody reads."""

_EXCERPT_CHARS = 120
_BEFORE_CHARS = 40


async def search_rooms(source: Pages, service: ServiceName, user_id: str, query: str) -> SearchOfRooms:
    """Titles and turns that hold ``query`` in any case; not complete when a bound ended the search."""
    wanted = query.casefold()
    until = time.monotonic() + SECONDS
    found: list[FoundText] = []
    left = MOST_TURNS_READ
    for line in await source.rooms(service, user_id):
        room = Room(service, user_id, line.db_id)
        if wanted in line.title.casefold():
            found.append(FoundText(room.db_id, line.title, None, line.title))
        after = 0
        while page := await source.page(room, after, PAGE):
            found += [hit for turn in page if (hit := _hit(turn, line.title, wanted))]
            after = page[-1].index
            left -= len(page)
            if left <= 0 or len(found) >= MOST_FOUND or time.monotonic() > until:
                return SearchOfRooms(tuple(found[:MOST_FOUND]), complete=False)
            if len(page) < PAGE:
                break
            await asyncio.sleep(0)
    return SearchOfRooms(tuple(found), complete=True)


def _hit(turn: Turn, title: str, wanted: str) -> FoundText | None:
    for text in (turn.question, turn.answer):
        place = text.casefold().find(wanted)
        if place >= 0:
            return FoundText(turn.room.db_id, title, turn.id, _excerpt(text, place))
    return None


def _excerpt(text: str, place: int) -> str:
    # Folding may change lengths by a little, which moves an excerpt and loses nothing.
    begin = max(0, place - _BEFORE_CHARS)
    return ("…" if begin else "") + one_line(text[begin:], _EXCERPT_CHARS)
