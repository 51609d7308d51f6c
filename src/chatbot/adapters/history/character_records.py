"""A character as one line of JSON: how exports and backups hold it, beside the lines of turns."""

import base64
import binascii
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from chatbot.domain.avatars import AvatarRefused, cleaned
from chatbot.domain.character_ports import Characters
from chatbot.domain.characters import CharacterSheet, StoredCharacter
from chatbot.domain.history import Owner
from chatbot.domain.schemas import CharacterId, UserId
from chatbot.domain.service_names import ServiceName
from chatbot.domain.turn_records import RecordTime

_MARK = b'"fields"'


class _CharacterRecord(BaseModel):
    model_config = ConfigDict(extra="ignore")

    service: ServiceName
    user_id: UserId
    character_id: CharacterId
    version: int = Field(ge=1, lt=2**31, strict=True)
    updated_at: RecordTime
    fields: CharacterSheet
    avatar: str | None = None


@dataclass(frozen=True, slots=True)
class CharacterToImport:
    """A character of an export, and whose it was."""

    owner: Owner
    stored: StoredCharacter


async def lines_of_characters(characters: Characters, owner: Owner) -> AsyncIterator[str]:
    """Each of the owner's characters as a line without its line break."""
    for id_ in sorted([line.id for line in await characters.lines(owner)]):
        if (stored := await characters.read(owner, id_)) is not None:
            yield write_character(owner, stored)


def write_character(owner: Owner, stored: StoredCharacter) -> str:
    """The character as one line of JSON without its line break."""
    return json.dumps(
        {
            "service": str(owner.service),
            "user_id": owner.user_id,
            "character_id": str(stored.id),
            "version": stored.version,
            "updated_at": stored.updated_at.isoformat(),
            "fields": stored.character.model_dump(mode="json", exclude_defaults=True),
            "avatar": None if stored.avatar is None else base64.b64encode(stored.avatar).decode(),
        },
        ensure_ascii=False,
    )


def is_character(line: bytes) -> bool:
    """Whether a line is to be read as a character: by its names, since a turn's text may hold any word."""
    if _MARK not in line:
        return False
    try:
        record = from_json(line)
    except ValueError:
        return False
    return isinstance(record, dict) and "fields" in record and "input_data" not in record


def read_character(line: bytes) -> CharacterToImport:
    """The character of a line; raises ValueError without the line's text when it is none."""
    try:
        record = _CharacterRecord.model_validate_json(line)
        picture = None if record.avatar is None else cleaned(base64.b64decode(record.avatar, validate=True))
    except ValidationError as error:
        fields = sorted({".".join(map(str, item["loc"])) or "line" for item in error.errors()})
        raise ValueError(f"not a character: {', '.join(fields)}") from None
    except (AvatarRefused, binascii.Error):
        raise ValueError("not a character: avatar") from None
    stored = StoredCharacter(record.character_id, record.version, record.fields, record.updated_at, picture)
    return CharacterToImport(Owner(record.service, record.user_id), stored)


async def import_character(found: CharacterToImport, characters: Characters, *, dry_run: bool) -> bool:
    """Store a character that is not there, under its first version; whether it was not there."""
    if await characters.read(found.owner, found.stored.id) is not None:
        return False
    return dry_run or await characters.put(found.owner, replace(found.stored, version=1))
