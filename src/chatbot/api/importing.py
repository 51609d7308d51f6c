"""Bringing a room from elsewhere, by the same checks as ``chatbot history import``."""

from fastapi import APIRouter, Request

from chatbot.api.access import OwnUser, of_users
from chatbot.api.body import body_docs, json_body
from chatbot.api.docs import IMPORT_RESPONSES
from chatbot.api.few_at_once import FewAtOnce
from chatbot.api.room_bodies import ImportedTurns, RoomToStore
from chatbot.api.state import ServiceState
from chatbot.domain.errors import RoomGoesOn
from chatbot.domain.history import HistoryUnavailable, Room

MAX_IMPORT = 256 * 1024
"""Bytes of a body: parsed in a few milliseconds, and more than any one turn needs."""

MOST_AT_ONCE = 8
"""Bodies that are read or stored at the same time."""


def importing_router(state: ServiceState) -> APIRouter:
    """The route that takes turns of a room, whole or in pieces."""
    router = APIRouter(tags=["rooms"], responses=IMPORT_RESPONSES, dependencies=of_users(state.keys))
    service, history = state.chat.service.name, state.history
    read_body = json_body(RoomToStore, MAX_IMPORT)
    places = FewAtOnce(MOST_AT_ONCE, "imports")

    async def stored(user_id: str, body: RoomToStore) -> ImportedTurns:
        room = Room(service, user_id, body.db_id)
        turns = [record.turn_of(room) for record in body.turns]
        state = None if body.state is None else body.state.state()
        summaries = [one.summary.summary_of(room, one.id) for one in body.turns if one.summary is not None]
        imported = await history.import_turns(room, turns, state, summaries)
        if imported is None:
            raise RoomGoesOn("the room goes on here already")
        return ImportedTurns.of(imported)

    @router.post("/rooms/import", summary="Import turns of a room", openapi_extra=body_docs(RoomToStore))
    async def import_room(user_id: OwnUser, request: Request) -> ImportedTurns:
        """Each turn is stored once, however often it is sent; all are checked before the first is stored.

        A turn names in `after` the one that it follows. A longer room comes in pieces, each of which begins
        behind the last turn of the one before. A room that goes on here already is left as it is (409).
        """
        if not history.can_store():
            raise HistoryUnavailable("nothing can be stored now")
        async with places.place():
            return await stored(user_id, await read_body(request))

    return router
