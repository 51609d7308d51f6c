"""Reading, exporting and deleting what was remembered of a user."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.convertors import StringConvertor, register_url_convertor

from chatbot.api.access import Principal, principal
from chatbot.api.docs import ROOM_RESPONSES
from chatbot.api.state import ServiceState
from chatbot.domain.errors import RoomNotFound
from chatbot.domain.history import Room, Turn
from chatbot.domain.schemas import RoomId, UserId


class _RoomSegment(StringConvertor):
    """One segment of a path where a room is named: not "export", which is a route of its own."""

    regex = r"(?!export(?:/|$))[^/]+"


register_url_convertor("room", _RoomSegment())

PAGE = 50
"""Turns on a page unless the client says otherwise."""

MOST_TURNS = 2**31 - 1
"""More than any room has, and a number that every database takes."""


class RoomLine(BaseModel):
    """A room in the list; times are UTC."""

    db_id: UUID
    title: str
    turns: int
    updated_at: str


class RoomList(BaseModel):
    """All rooms of a user, most recently used first."""

    rooms: list[RoomLine]


class TurnBody(BaseModel):
    """One stored turn."""

    index: int
    input_data: str
    output_data: str
    model: str
    created_at: str


class RoomPage(BaseModel):
    """A page of a room; ask again with ``after=next_after`` until it is null."""

    db_id: UUID
    turns: list[TurnBody]
    next_after: int | None


class Deleted(BaseModel):
    """How many turns were deleted."""

    deleted: int


def _turn(turn: Turn) -> TurnBody:
    return TurnBody(
        index=turn.index,
        input_data=turn.question,
        output_data=turn.answer,
        model=turn.model,
        created_at=turn.created_at.isoformat(),
    )


async def _export(turns: AsyncIterator[Turn], head: dict[str, Any]) -> AsyncGenerator[str, None]:
    """The export as JSON, room by room as it is read, so that a long history needs no memory."""
    yield json.dumps(head, ensure_ascii=False)[:-1] + ', "rooms": ['
    current: UUID | None = None
    async for turn in turns:
        if turn.room.db_id != current:
            yield ("]}, " if current else "") + f'{{"db_id": "{turn.room.db_id}", "turns": ['
            current = turn.room.db_id
        else:
            yield ", "
        yield _turn(turn).model_dump_json()
    yield ("]}" if current else "") + "]}\n"


async def _each_once(request: Request) -> None:
    """Refuse a parameter that is sent twice: a proxy in front may have judged the other one."""
    names = [name for name in ("user_id", "after", "limit") if len(request.query_params.getlist(name)) > 1]
    if names:
        raise RequestValidationError([{"type": "doubled", "loc": ("query", name)} for name in names])


def rooms_router(state: ServiceState) -> APIRouter:
    """The room routes of a service; each asks whose rooms they are before it looks anything up."""
    router = APIRouter(
        prefix="/rooms", tags=["rooms"], responses=ROOM_RESPONSES, dependencies=[Depends(_each_once)]
    )
    service, history = state.chat.service.name, state.history
    who = principal(state.keys)

    async def owner(
        asker: Annotated[Principal, Depends(who)], user_id: Annotated[UserId, Query(examples=["test_user"])]
    ) -> str:
        asker.check_owns(user_id)
        return user_id

    DbId = Annotated[RoomId, Path(examples=["123e4567-e89b-12d3-a456-426614174000"])]  # noqa: N806 (a type)
    Owner = Annotated[str, Depends(owner)]  # noqa: N806 (a type, local because it closes over the keys)

    @router.get("", summary="List a user's rooms")
    async def rooms(user_id: Owner) -> RoomList:
        lines = await history.rooms(service, user_id)
        return RoomList(
            rooms=[
                RoomLine(
                    db_id=line.db_id,
                    title=line.title,
                    turns=line.turns,
                    updated_at=line.updated_at.isoformat(),
                )
                for line in lines
            ]
        )

    @router.delete("", summary="Delete everything of a user")
    async def delete_user(user_id: Owner) -> Deleted:
        return Deleted(deleted=await history.delete_user(service, user_id))

    @router.get("/export", summary="Export all rooms of a user", response_class=StreamingResponse)
    async def export(user_id: Owner) -> StreamingResponse:
        # Asked first, so that an unreachable database is a 503 and not a broken download.
        await history.ping()
        turns = history.export(service, user_id)
        return StreamingResponse(
            _export(turns, {"service": str(service), "user_id": user_id}),
            media_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="{service}-rooms.json"'},
        )

    @router.get("/{db_id:room}", summary="Read a room, page by page")
    async def read(
        user_id: Owner,
        db_id: DbId,
        after: Annotated[int, Query(ge=0, le=MOST_TURNS, description="Index of the last turn read.")] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = PAGE,
    ) -> RoomPage:
        room = Room(service, user_id, db_id)
        turns = await history.page(room, after, limit + 1)
        if not turns and not (after and await history.page(room, 0, 1)):
            raise RoomNotFound
        more = len(turns) > limit
        return RoomPage(
            db_id=db_id,
            turns=[_turn(turn) for turn in turns[:limit]],
            next_after=turns[limit - 1].index if more else None,
        )

    @router.delete("/{db_id:room}", summary="Delete a room")
    async def delete_room(user_id: Owner, db_id: DbId) -> Deleted:
        deleted = await history.delete_room(Room(service, user_id, db_id))
        if not deleted:
            raise RoomNotFound
        return Deleted(deleted=deleted)

    return router
