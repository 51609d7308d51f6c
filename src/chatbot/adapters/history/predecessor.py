"""Conversations of the predecessor: one collection a user, one document a room, its turns in an array.

``{router}_log_{user_id}`` holds ``{id, value: [{index, input_data, output_data, timestamp}, …]}``; rooms of
characters were written as ``chatbot_log_`` and looked up as ``character_log_``, so both names count. Times
are local and say no zone. Turns get ids made from their place, so that an import can be repeated.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from uuid import UUID, uuid5

from chatbot.adapters.history.importing import RoomToImport, SkippedRoom
from chatbot.adapters.history.records import is_user_id, storable
from chatbot.domain.history import NewTurn, Room
from chatbot.domain.service_names import ServiceName
from chatbot.domain.turn_records import milliseconds

PREFIXES = {
    "office_log_": ServiceName("office"),
    "chatbot_log_": ServiceName("character"),
    "character_log_": ServiceName("character"),
}
MODEL = "imported"
"""The predecessor did not write down which model answered."""

_NAMESPACE = UUID("6f9c3b52-6a0f-4d0e-9a59-2f4f5f5f2c11")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def convert(collection: str, document: Mapping[str, Any], zone: tzinfo) -> RoomToImport | SkippedRoom:
    """One document as a room of the suite, or why it cannot be one."""
    prefix = next((prefix for prefix in PREFIXES if collection.startswith(prefix)), None)
    if prefix is None:
        return SkippedRoom(collection, "the collection's name does not begin as the predecessor's do")
    user_id = collection.removeprefix(prefix)
    if not is_user_id(user_id):
        return SkippedRoom(collection, "the user_id has characters that the API does not take")
    try:
        db_id = UUID(str(document.get("id")))
    except ValueError:
        return SkippedRoom(collection, "the room's id is no UUID")
    value = document.get("value")
    if not isinstance(value, list):
        return SkippedRoom(f"{collection}/{db_id}", "the document has no array of turns")
    return _room(Room(PREFIXES[prefix], user_id, db_id), value, zone)


def _room(room: Room, value: list[Any], zone: tzinfo) -> RoomToImport:
    turns: list[NewTurn] = []
    broken = 0
    seen = _EPOCH
    for place, item in enumerate(value, 1):
        texts = (
            (item.get("input_data"), item.get("output_data")) if isinstance(item, Mapping) else (None, None)
        )
        question, answer = texts
        if not isinstance(question, str) or not isinstance(answer, str):
            broken += 1
            continue
        seen = _time(item.get("timestamp"), zone) or seen
        id_ = uuid5(_NAMESPACE, f"{room.service}/{room.user_id}/{room.db_id}/{place}")
        turns.append(storable(NewTurn(id_, room, question, answer, MODEL, seen)))
    return RoomToImport(room, tuple(turns), broken)


def _time(text: object, zone: tzinfo) -> datetime | None:
    """A time as the predecessor wrote it, or a real one; None when it cannot be read."""
    try:
        time = text if isinstance(text, datetime) else datetime.fromisoformat(str(text))
        return milliseconds(time if time.tzinfo else time.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return None
