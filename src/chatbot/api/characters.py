"""Keeping, changing, importing and exporting the characters of a user; for services that play one."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.convertors import StringConvertor, register_url_convertor

from chatbot.api import texts
from chatbot.api.access import OwnUser, of_users
from chatbot.api.body import body_docs, parsed_as
from chatbot.api.character_bodies import (
    CARD_BODY,
    CHARACTER_BODY,
    EXAMPLE,
    PICTURE_FILE,
    PICTURE_TYPES,
    ChangedCharacter,
    CharacterEntry,
    CharacterList,
    CharacterPath,
    ImportedCharacter,
    KeptCharacter,
    NewCharacter,
    check_size,
    read_card_upload,
)
from chatbot.api.character_files import add_file_routes
from chatbot.api.character_keeping import Keeper
from chatbot.api.docs import CHANGED_RESPONSES, CHARACTER_BODY_RESPONSES, CHARACTER_RESPONSES
from chatbot.api.errors import RequestRefused
from chatbot.api.room_bodies import Deleted
from chatbot.api.state import ServiceState
from chatbot.api.uploads import Uploads
from chatbot.domain.card_files import CardError
from chatbot.domain.characters import CharacterSheet, StoredCharacter
from chatbot.domain.errors import CharacterNotFound


class _CharacterSegment(StringConvertor):
    """One segment of a path that names a character: not "import", which is a route of its own."""

    regex = r"(?!import(?:/|$))[^/]+"


register_url_convertor("kept", _CharacterSegment())

_JSON = ("application/json",)


def characters_router(state: ServiceState) -> APIRouter:
    """The character routes of a service; each asks whose they are before it looks anything up."""
    router = APIRouter(
        prefix="/characters",
        tags=["characters"],
        responses=CHARACTER_RESPONSES,
        dependencies=of_users(state.keys),
    )
    keeper, uploads = Keeper(state), Uploads()

    @router.get("", summary="List a user's characters")
    async def listed(user_id: OwnUser) -> CharacterList:
        lines = await keeper.characters.lines(keeper.owner(user_id))
        return CharacterList(characters=[CharacterEntry.of(line) for line in lines])

    @router.post(
        "",
        summary="Keep a character",
        responses=CHARACTER_BODY_RESPONSES,
        openapi_extra=body_docs(NewCharacter),
    )
    async def create(user_id: OwnUser, request: Request) -> KeptCharacter:
        body = await uploads.read(request, _JSON, CHARACTER_BODY, partial(parsed_as, NewCharacter))
        stored = await keeper.create(user_id, _plain(body), None)
        return await asyncio.to_thread(KeptCharacter.of, stored)

    @router.delete("", summary="Delete all characters of a user")
    async def delete_all(user_id: OwnUser) -> Deleted:
        return Deleted(deleted=await keeper.characters.delete_all(keeper.owner(user_id)))

    @router.post(
        "/import",
        summary="Keep the character of a card",
        responses=CHARACTER_BODY_RESPONSES,
        openapi_extra=_card_docs(),
    )
    async def import_card(user_id: OwnUser, request: Request) -> ImportedCharacter:
        """V1, V2 and V3, as JSON or as a PNG that carries it, up to 1.5 MiB."""
        try:
            character, avatar, taken = await uploads.read(
                request, (*_JSON, *PICTURE_TYPES), CARD_BODY, read_card_upload
            )
        except CardError as error:
            raise RequestRefused(400, texts.filled(texts.NOT_A_CARD, reason=str(error))) from None
        stored = await keeper.create(user_id, character, avatar)
        return await asyncio.to_thread(ImportedCharacter.of, stored, taken)

    _add_routes_of_a_character(router, keeper, uploads)
    add_file_routes(router, keeper, uploads)
    return router


def _add_routes_of_a_character(router: APIRouter, keeper: Keeper, uploads: Uploads) -> None:
    @router.get("/{character_id:kept}", summary="Read a character")
    async def read(user_id: OwnUser, character_id: CharacterPath) -> KeptCharacter:
        return await asyncio.to_thread(KeptCharacter.of, await keeper.read(user_id, character_id))

    @router.put(
        "/{character_id:kept}",
        summary="Change a character",
        responses=CHANGED_RESPONSES,
        openapi_extra=body_docs(ChangedCharacter),
    )
    async def change(user_id: OwnUser, character_id: CharacterPath, request: Request) -> KeptCharacter:
        """All of it but its picture. 409: it was changed meanwhile; the body has what it is now."""
        body = await uploads.read(request, _JSON, CHARACTER_BODY, partial(parsed_as, ChangedCharacter))

        def changed(there: StoredCharacter) -> StoredCharacter:
            character = _plain(body)
            if "card" not in body.model_fields_set:
                character = character.model_copy(update={"card": there.character.card})
                check_size(character)
            return replace(there, character=character)

        stored = await keeper.change(user_id, character_id, body.version, changed)
        return await asyncio.to_thread(KeptCharacter.of, stored)

    @router.delete("/{character_id:kept}", summary="Delete a character")
    async def delete(user_id: OwnUser, character_id: CharacterPath) -> Deleted:
        deleted = await keeper.characters.delete(keeper.owner(user_id), character_id)
        if not deleted:
            raise CharacterNotFound("there is no such character")
        return Deleted(deleted=deleted)


def _card_docs() -> dict[str, Any]:
    card = {
        "type": "object",
        "description": "A card V1, V2 or V3.",
        "examples": [
            {
                "spec": "chara_card_v2",
                "spec_version": "2.0",
                "data": {
                    "name": EXAMPLE["name"],
                    "description": EXAMPLE["context"],
                    "first_mes": EXAMPLE["greeting"],
                },
            }
        ],
    }
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": card}, "image/png": PICTURE_FILE},
        }
    }


def _plain(body: CharacterSheet) -> CharacterSheet:
    """The character of a body that has more fields."""
    return CharacterSheet.model_construct(
        **{name: getattr(body, name) for name in CharacterSheet.model_fields}
    )
