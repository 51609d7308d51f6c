"""Reading, changing, searching, exporting and deleting what was remembered of a user."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import StreamingResponse
from starlette.convertors import StringConvertor, register_url_convertor

from chatbot.api.access import OwnUser, of_users
from chatbot.api.body import body_docs, json_body
from chatbot.api.docs import ROOM_BODY_RESPONSES, ROOM_RESPONSES
from chatbot.api.room_bodies import (
    ChangedRoom,
    Deleted,
    ExportedTurn,
    FoundPlace,
    FoundPlaces,
    RoomLine,
    RoomList,
    RoomPage,
    RoomPatch,
    RoomQuery,
    StoredTurn,
    TurnInTree,
)
from chatbot.api.state import ServiceState
from chatbot.api.summary_bodies import SummaryTold
from chatbot.core.exporting import told_turns
from chatbot.domain.errors import RoomNotFound, TurnNotFound
from chatbot.domain.history import Room, Turn, chars_of
from chatbot.domain.history_ports import ChatHistory
from chatbot.domain.schemas import RoomId, TurnId
from chatbot.domain.service_names import ServiceName
from chatbot.domain.turn_records import StateRecord, SummaryRecord


class _RoomSegment(StringConvertor):
    """One segment of a path that names a room: not "export", "import" or "search", which have routes."""

    regex = r"(?!(?:export|import|search)(?:/|$))[^/]+"


register_url_convertor("room", _RoomSegment())

PAGE = 50
"""Turns on a page unless the client says otherwise."""

_PAGE_CHARS = 1024 * 1024
"""Characters after which a page ends, however many turns were wanted: a client may be slow to read it."""

_READ_AT_ONCE = 20
"""Turns that are read before their characters are counted."""

MOST_TURNS = 2**31 - 1
"""More than any room has, and a number that every database takes."""

DbId = Annotated[RoomId, Path(examples=["123e4567-e89b-12d3-a456-426614174000"])]
"""The room that a path names."""


async def _export(history: ChatHistory, service: ServiceName, user_id: str) -> AsyncGenerator[str, None]:
    """The export as JSON, room by room as it is read, so that a long history needs no memory."""
    head = {"service": str(service), "user_id": user_id}
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "rooms": ['
    begun = False
    async for turn, state, told in told_turns(history, history.export(service, user_id)):
        if state is not None:
            yield "]}, " if begun else ""
            chosen = StateRecord.of(state).model_dump_json() if state.version else "null"
            yield f'{{"db_id": "{turn.room.db_id}", "state": {chosen}, "turns": ['
        else:
            yield ", "
        begun = True
        exported = ExportedTurn.of(turn, summary=SummaryRecord.of(told)) if told else StoredTurn.of(turn)
        yield exported.model_dump_json()
    yield ("]}" if begun else "") + "]}\n"


async def _read_page(history: ChatHistory, room: Room, ids: Sequence[UUID]) -> tuple[list[Turn], int]:
    """The first of the turns, until they fill a page, and how many of the ids that were."""
    turns: list[Turn] = []
    asked = chars = 0
    while asked < len(ids) and chars < _PAGE_CHARS:
        read = await history.read(room, ids[asked : asked + _READ_AT_ONCE])
        turns += read
        asked = min(asked + _READ_AT_ONCE, len(ids))
        chars += chars_of(read)
    return turns, asked


def rooms_router(state: ServiceState) -> APIRouter:
    """The room routes of a service; each asks whose rooms they are before it looks anything up."""
    router = APIRouter(
        prefix="/rooms", tags=["rooms"], responses=ROOM_RESPONSES, dependencies=of_users(state.keys)
    )
    service, history = state.chat.service.name, state.history

    @router.get("", summary="List a user's rooms")
    async def rooms(user_id: OwnUser) -> RoomList:
        lines = await history.rooms(service, user_id)
        return RoomList(rooms=[RoomLine.of(line) for line in lines])

    @router.delete("", summary="Delete all rooms of a user")
    async def delete_user(user_id: OwnUser) -> Deleted:
        state.streams.forget(user_id)
        return Deleted(deleted=await history.delete_user(service, user_id))

    @router.get("/export", summary="Export all rooms of a user", response_class=StreamingResponse)
    async def export(user_id: OwnUser) -> StreamingResponse:
        # Asked first, so that an unreachable database is a 503 and not a broken download.
        await history.ping()
        return StreamingResponse(
            _export(history, service, user_id),
            media_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{service}-rooms.json"'},
        )

    @router.post(
        "/search",
        summary="Find a text in titles and turns",
        responses=ROOM_BODY_RESPONSES,
        openapi_extra=body_docs(RoomQuery),
    )
    async def search(
        user_id: OwnUser, query: Annotated[RoomQuery, Depends(json_body(RoomQuery))]
    ) -> FoundPlaces:
        result = await history.search(service, user_id, query.q)
        return FoundPlaces(found=[FoundPlace.of(place) for place in result.found], complete=result.complete)

    _add_routes_of_a_room(router, state)
    return router


def _add_routes_of_a_room(router: APIRouter, state: ServiceState) -> None:
    service, history, streams = state.chat.service.name, state.history, state.streams

    @router.get("/{db_id:room}", summary="Read a room, page by page")
    async def read(
        user_id: OwnUser,
        db_id: DbId,
        after: Annotated[int, Query(ge=0, le=MOST_TURNS, description="Index of the last turn read.")] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
        branches: Annotated[Literal["0", "1"], Query(description="1: the turns of all paths.")] = "0",
    ) -> RoomPage:
        room = Room(service, user_id, db_id)
        tree = await history.tree(room)
        if tree.end is None:
            raise RoomNotFound
        path = tree.path()
        chosen = list(tree.nodes) if branches == "1" else path
        left = [id_ for id_ in chosen if tree.nodes[id_].index > after]
        turns, asked = await _read_page(history, room, left[:limit])
        state = await history.state(room)
        told = {one.turn: one for one in await history.summaries.of_room(room) if one.text}
        return RoomPage(
            db_id=db_id,
            leaf=tree.end,
            # A turn that was stored meanwhile is on the next page, one that was deleted is on none.
            turns=[TurnInTree.in_tree(turn, tree) for turn in turns],
            next_after=tree.nodes[left[asked - 1]].index if len(left) > asked else None,
            facts=list(state.facts),
            summaries=[SummaryTold.of(told[id_], tree.nodes[id_].index) for id_ in path if id_ in told],
        )

    @router.patch(
        "/{db_id:room}",
        summary="Change a room",
        responses=ROOM_BODY_RESPONSES,
        openapi_extra=body_docs(RoomPatch),
    )
    async def change(
        user_id: OwnUser, db_id: DbId, patch: Annotated[RoomPatch, Depends(json_body(RoomPatch))]
    ) -> ChangedRoom:
        room = Room(service, user_id, db_id)
        state = await history.change(room, patch.change())
        if state is None:
            raise RoomNotFound if patch.leaf is None else TurnNotFound
        return ChangedRoom.of(db_id, state)

    @router.delete("/{db_id:room}/turns/{turn_id}", summary="Delete a turn and all that follow it")
    async def delete_turn(
        user_id: OwnUser,
        db_id: DbId,
        turn_id: Annotated[TurnId, Path(examples=["123e4567-e89b-12d3-a456-426614174001"])],
    ) -> Deleted:
        streams.forget(user_id, db_id)
        deleted = await history.delete_turn(Room(service, user_id, db_id), turn_id)
        if not deleted:
            raise TurnNotFound
        return Deleted(deleted=deleted)

    @router.delete("/{db_id:room}", summary="Delete a room")
    async def delete_room(user_id: OwnUser, db_id: DbId) -> Deleted:
        streams.forget(user_id, db_id)
        deleted = await history.delete_room(Room(service, user_id, db_id))
        if not deleted:
            raise RoomNotFound
        return Deleted(deleted=deleted)
