"""The files of a stored character: its card, to take it elsewhere, and its picture."""

import asyncio
import json
from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from chatbot.api import texts
from chatbot.api.access import OwnUser
from chatbot.api.character_bodies import PICTURE_FILE, PICTURE_TYPES, CharacterPath, KeptCharacter
from chatbot.api.character_keeping import Keeper
from chatbot.api.docs import CHANGED_RESPONSES, PNG_RESPONSES
from chatbot.api.errors import RequestRefused
from chatbot.api.uploads import Uploads
from chatbot.domain.avatars import AVATAR_BYTES, AvatarRefused, cleaned, with_card
from chatbot.domain.errors import CharacterNotFound
from chatbot.domain.stored_cards import card_of

_PRIVATE = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}

BaseVersion = Annotated[
    int, Query(ge=1, le=2**31 - 1, description="The version that is changed.", examples=[1])
]


def add_file_routes(router: APIRouter, keeper: Keeper, uploads: Uploads) -> None:
    """Add the routes to the router of characters."""

    @router.get(
        "/{character_id:kept}/card",
        summary="Export a V3 card",
        responses=PNG_RESPONSES,
        response_model=None,
    )
    async def card(
        user_id: OwnUser,
        character_id: CharacterPath,
        form: Annotated[Literal["json", "png"], Query(alias="format")] = "json",
    ) -> Response:
        """As JSON, or as its picture with the card in it; 404 for a picture that is not there."""
        stored = await keeper.read(user_id, character_id)
        text = json.dumps(card_of(stored.character), ensure_ascii=False).encode()
        if form == "json":
            return _download(text, "application/json", "json")
        if stored.avatar is None:
            raise CharacterNotFound("the character has no picture")
        return _download(with_card(stored.avatar, text), "image/png", "png")

    @router.get(
        "/{character_id:kept}/avatar",
        summary="A character's picture",
        responses=PNG_RESPONSES,
        response_model=None,
    )
    async def avatar(user_id: OwnUser, character_id: CharacterPath) -> Response:
        stored = await keeper.read(user_id, character_id)
        if stored.avatar is None:
            raise CharacterNotFound("the character has no picture")
        return Response(stored.avatar, media_type="image/png", headers=_PRIVATE)

    @router.put(
        "/{character_id:kept}/avatar",
        summary="Give a character a picture",
        responses=CHANGED_RESPONSES,
        openapi_extra={"requestBody": {"required": True, "content": {"image/png": PICTURE_FILE}}},
    )
    async def put_avatar(
        user_id: OwnUser, character_id: CharacterPath, version: BaseVersion, request: Request
    ) -> KeptCharacter:
        """A PNG of up to 1 MiB and 2,048 pixels a side; only what is seen of it is kept."""
        try:
            picture = await uploads.read(request, PICTURE_TYPES, AVATAR_BYTES, cleaned)
        except AvatarRefused as error:
            raise RequestRefused(400, texts.AVATAR_FAULT[error.fault]) from None
        changed = await keeper.change(
            user_id, character_id, version, lambda there: replace(there, avatar=picture)
        )
        return await asyncio.to_thread(KeptCharacter.of, changed)

    @router.delete(
        "/{character_id:kept}/avatar", summary="Take a character's picture", responses=CHANGED_RESPONSES
    )
    async def delete_avatar(
        user_id: OwnUser, character_id: CharacterPath, version: BaseVersion
    ) -> KeptCharacter:
        changed = await keeper.change(
            user_id, character_id, version, lambda there: replace(there, avatar=None)
        )
        return await asyncio.to_thread(KeptCharacter.of, changed)


def _download(content: bytes, media_type: str, ending: str) -> Response:
    named = {"Content-Disposition": f'attachment; filename="character.{ending}"'}
    return Response(content, media_type=media_type, headers={**_PRIVATE, **named})
