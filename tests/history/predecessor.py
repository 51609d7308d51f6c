"""Rooms as the predecessor kept them, for what reads them."""

from typing import Any
from zoneinfo import ZoneInfo

from chatbot.adapters.history.importing import RoomToImport
from chatbot.adapters.history.sources import Found

SEOUL = ZoneInfo("Asia/Seoul")
DB_ID = "123e4567-e89b-12d3-a456-426614174000"


def old_turn(index: int, question: str = "질문", answer: str = "답", **more: Any) -> dict[str, Any]:
    time = f"2025-06-04 09:{index:02}:00"
    return {"index": index, "input_data": question, "output_data": answer, "timestamp": time, **more}


def old_room(*turns: dict[str, Any], id_: str = DB_ID, **more: Any) -> dict[str, Any]:
    return {"_id": "x", "id": id_, "value": list(turns), **more}


def room_of(found: Found) -> RoomToImport:
    assert isinstance(found, RoomToImport)
    return found
