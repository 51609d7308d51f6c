"""A document of the predecessor becomes a room: whose, when, in which order, and what of it is damaged."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.history.predecessor import DB_ID, SEOUL, old_room, old_turn, room_of

from chatbot.adapters.history.importing import SkippedRoom
from chatbot.adapters.history.predecessor import convert


@pytest.mark.parametrize(
    ("collection", "service"),
    [
        ("office_log_a.b@c", "office"),
        ("chatbot_log_a.b@c", "character"),
        ("character_log_a.b@c", "character"),
    ],
)
def test_the_collection_names_service_and_user(collection: str, service: str) -> None:
    found = room_of(convert(collection, old_room(old_turn(1), character_idx=3), SEOUL))
    assert (found.room.service, found.room.user_id, str(found.room.db_id)) == (service, "a.b@c", DB_ID)


def test_times_get_their_zone() -> None:
    (turn,) = room_of(convert("office_log_a", old_room(old_turn(7)), SEOUL)).turns
    assert turn.created_at == datetime(2025, 6, 4, 0, 7, tzinfo=UTC)


def test_a_time_that_cannot_be_read_is_the_time_before_it() -> None:
    first, second = room_of(
        convert("office_log_a", old_room(old_turn(1), {**old_turn(2), "timestamp": None}), SEOUL)
    ).turns
    assert second.created_at == first.created_at


def test_repeated_indexes_of_the_predecessor_are_two_turns() -> None:
    turns = room_of(convert("office_log_a", old_room(old_turn(3), old_turn(3)), SEOUL)).turns
    assert len({turn.id for turn in turns}) == 2


def test_ids_depend_on_the_place_alone() -> None:
    one = room_of(convert("office_log_a", old_room(old_turn(1)), SEOUL)).turns[0]
    assert one.id == room_of(convert("office_log_a", old_room(old_turn(1), old_turn(2)), UTC)).turns[0].id
    assert one.id != room_of(convert("chatbot_log_a", old_room(old_turn(1)), SEOUL)).turns[0].id
    assert one.id != room_of(convert("office_log_b", old_room(old_turn(1)), SEOUL)).turns[0].id


@pytest.mark.parametrize(
    ("collection", "document"),
    [
        ("users", old_room()),
        ("office_log_", old_room()),
        ("office_log_한글", old_room()),
        ("office_log_a/b", old_room()),
        ("office_log_a", old_room(id_="room")),
        ("office_log_a", {"id": DB_ID}),
        ("office_log_a", {"id": DB_ID, "value": {"index": 1}}),
        ("office_log_a", {}),
    ],
)
def test_what_is_no_room_is_told(collection: str, document: dict[str, Any]) -> None:
    assert isinstance(convert(collection, document, SEOUL), SkippedRoom)


@pytest.mark.parametrize(
    "broken", [{}, {"input_data": "q"}, {"input_data": 1, "output_data": "a"}, "x", None]
)
def test_broken_turns_are_counted_and_cost_only_themselves(broken: Any) -> None:
    found = room_of(
        convert("office_log_a", {"id": DB_ID, "value": [old_turn(1), broken, old_turn(3)]}, SEOUL)
    )
    assert (len(found.turns), found.broken) == (2, 1)
