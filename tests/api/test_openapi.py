"""The served OpenAPI description and the service agree: schemathesis asks everything that it says."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema
from tests.domain.test_avatars import PLAIN
from tests.support.fakes import FakeModel, service_state
from tests.support.memory_characters import MemoryCharacters
from tests.support.memory_history import MemoryHistory
from tests.support.memory_store import MemoryStore
from tests.support.memory_summaries import MemorySummaries

from chatbot.api.app import create_app
from chatbot.api.kept_streams import KeptStream, KeptStreams
from chatbot.domain.characters import CharacterSheet, StoredCharacter
from chatbot.domain.history import Owner, PathSummary, Room, Turn
from chatbot.domain.service_names import ServiceName

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

ROOM = "123e4567-e89b-12d3-a456-426614174000"
TURN = UUID("123e4567-e89b-12d3-a456-426614174001")
ANSWER = "0123456789abcdef0123456789abcdef"
CHARACTER = "123e4567-e89b-12d3-a456-426614174002"
"""The room, the turn, the answer and the character of the description's examples."""

NO_PICTURE = "PUT /character/characters/{character_id}/avatar"
"""No random bytes are a picture: tests/api/test_characters.py gives it one."""


class Remembering(MemoryStore):
    """A store where the room of the description's examples comes back whenever it is gone."""

    def in_room(self, room: Room) -> list[Turn]:
        if (room.user_id, str(room.db_id)) == ("test_user", ROOM) and not super().in_room(room):
            moment = datetime(2026, 11, 26, tzinfo=UTC)
            self.tombstones.discard(TURN)
            self.stored[TURN] = Turn(TURN, room, 1, "질문", "답", "fake-model", moment)
        return super().in_room(room)


class KeepingCharacter(MemoryCharacters):
    """Characters among which that of the description's examples is always there, in its first version."""

    async def read(self, owner: Owner, id_: UUID) -> StoredCharacter | None:
        if (owner.user_id, str(id_)) != ("test_user", CHARACTER):
            return await super().read(owner, id_)
        moment = datetime(2026, 11, 26, tzinfo=UTC)
        return StoredCharacter(id_, 1, CharacterSheet(name="Rachel"), moment, PLAIN)

    async def put(self, owner: Owner, stored: StoredCharacter) -> bool:
        # Whatever is made here is read back by nobody, and there is room for all of it.
        return stored.version <= 2

    async def delete(self, owner: Owner, id_: UUID) -> int:
        return int(await self.read(owner, id_) is not None)


class KeepingSummary(MemorySummaries):
    """Summaries among which that of the turn of the description's examples is always there."""

    async def of_room(self, room: Room) -> list[PathSummary]:
        moment = datetime(2026, 11, 26, tzinfo=UTC)
        told = PathSummary(UUID(int=1), room, TURN, "요약", edited=False, created_at=moment)
        return [told] if (room.user_id, str(room.db_id)) == ("test_user", ROOM) else []

    async def put(self, summary: PathSummary) -> bool:
        return summary.turn == TURN


class KeepingOne(KeptStreams):
    """Streams among which that of the description's example is always there."""

    def find(self, id_: str, user_id: str) -> KeptStream | None:
        if (id_, user_id) != (ANSWER, "test_user"):
            return super().find(id_, user_id)
        stream = KeptStream()
        stream.add(b'event: token\ndata: {"text":"a"}\n\n')
        stream.end()
        return stream


def _description(name: ServiceName) -> OpenApiSchema:
    history = MemoryHistory()
    history.store = Remembering()
    history.store.summaries = KeepingSummary({})
    history.characters = KeepingCharacter()
    state = service_state(name, history=history, foreign={"gpt4.1": FakeModel()})
    state.streams = KeepingOne()
    return schemathesis.openapi.from_asgi(f"/{name}/openapi.json", create_app(state))


office, character = _description(ServiceName("office")), _description(ServiceName("character"))
answered: dict[str, set[int]] = {}
_few = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


def _operations(description: OpenApiSchema) -> list[Any]:
    return [result.ok() for result in description.get_all_operations() if isinstance(result, Ok)]


def _test_of(operation: Any, description: OpenApiSchema) -> tuple[str, Any]:
    """A test of one operation under a name of its own.

    Parametrised together, all operations have one name, and xdist, which runs each name once, would ask one
    of each service only.
    """

    def test(case: schemathesis.Case[Any]) -> None:
        response = case.call_and_validate(checks=CHECKS)
        answered.setdefault(case.operation.label, set()).add(response.status_code)

    test.__name__ = "test_" + re.sub(r"\W+", "_", operation.label).strip("_").lower()
    alone = description.include(method=operation.method, path=operation.path)
    return test.__name__, alone.parametrize()(_few(test))


for _description_of in (office, character):
    globals().update(_test_of(operation, _description_of) for operation in _operations(_description_of))


def test_every_operation_was_answered_and_refused() -> None:
    operations = [*_operations(office), *_operations(character)]
    assert len(operations) == 49
    for operation in operations:
        seen = answered[operation.label]
        assert 200 in seen or operation.label == NO_PICTURE, f"{operation.label} never succeeded: {seen}"
        # Without a parameter there is nothing to be wrong but the method.
        takes = bool(operation.body) or bool(operation.query) or bool(operation.path_parameters)
        assert seen & ({400, 404, 422} if takes else {405}), f"{operation.label} was never refused: {seen}"


@pytest.mark.parametrize("name", ["office", "character"])
def test_the_page_of_the_api_names_its_parts_and_begins_with_questions(name: str) -> None:
    described = create_app(service_state(ServiceName(name))).openapi()
    used = {
        tag
        for path in described["paths"].values()
        for operation in path.values()
        for tag in operation["tags"]
    }
    parts = [tag["name"] for tag in described["tags"]]
    assert set(parts) == used
    assert parts[0] == "chat"
