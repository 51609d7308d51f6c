"""Summaries of a room's path: written anew, or taken away, by whoever owns the room."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Path

from chatbot.api.access import OwnUser, of_users
from chatbot.api.body import body_docs, json_body
from chatbot.api.docs import ROOM_BODY_RESPONSES, ROOM_RESPONSES
from chatbot.api.room_bodies import Deleted
from chatbot.api.rooms import DbId
from chatbot.api.state import ServiceState
from chatbot.api.summary_bodies import SummaryPatch, SummaryTold
from chatbot.domain.errors import SummaryNotFound, TurnNotFound
from chatbot.domain.history import PathSummary, Room
from chatbot.domain.schemas import TurnId
from chatbot.domain.turn_records import milliseconds

TurnInPath = Annotated[TurnId, Path(examples=["123e4567-e89b-12d3-a456-426614174001"])]
"""The last turn of which a summary tells."""


def summaries_router(state: ServiceState) -> APIRouter:
    """The routes of summaries; a room is read with its summaries."""
    router = APIRouter(
        prefix="/rooms", tags=["rooms"], responses=ROOM_RESPONSES, dependencies=of_users(state.keys)
    )
    service, history = state.chat.service.name, state.history

    async def put(room: Room, turn: UUID, text: str) -> PathSummary:
        """Store a text as the newest of its turn, whatever clock the one before was written by."""
        created = milliseconds(datetime.now(UTC))
        for one in await history.summaries.of_room(room):
            if one.turn == turn:
                created = max(created, one.created_at + timedelta(milliseconds=1))
        summary = PathSummary(uuid4(), room, turn, text, edited=True, created_at=created)
        if not await history.summaries.put(summary):
            raise TurnNotFound
        return summary

    @router.put(
        "/{db_id:room}/summaries/{turn_id}",
        summary="Write the summary up to a turn",
        responses=ROOM_BODY_RESPONSES,
        openapi_extra=body_docs(SummaryPatch),
    )
    async def write(
        user_id: OwnUser,
        db_id: DbId,
        turn_id: TurnInPath,
        patch: Annotated[SummaryPatch, Depends(json_body(SummaryPatch))],
    ) -> SummaryTold:
        room = Room(service, user_id, db_id)
        node = (await history.tree(room)).nodes.get(turn_id)
        if node is None:
            raise TurnNotFound
        return SummaryTold.of(await put(room, turn_id, patch.text), node.index)

    @router.delete("/{db_id:room}/summaries/{turn_id}", summary="Take the summary up to a turn away")
    async def take_away(user_id: OwnUser, db_id: DbId, turn_id: TurnInPath) -> Deleted:
        """It is deleted, and none is made in its place."""
        room = Room(service, user_id, db_id)
        if not any(one.turn == turn_id and one.text for one in await history.summaries.of_room(room)):
            raise SummaryNotFound
        await put(room, turn_id, "")
        return Deleted(deleted=1)

    return router
