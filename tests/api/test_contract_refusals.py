"""The HTTP contract where a request is not answered: statuses, bodies, and what is asked before all else."""

from collections.abc import Iterator

import pytest
from tests.history.test_character_contract import version
from tests.support.fakes import FakeModel, client_of, service_state

from chatbot.domain import errors
from chatbot.domain.access import KeyEntry, KeyRing, digest
from chatbot.domain.errors import ChatbotError, Overloaded

ROOM = "123e4567-e89b-12d3-a456-426614174000"

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (Overloaded(17, 9, "queue"), 429, "17"),
        (errors.Loading("loading", 3), 503, "3"),
        (errors.Draining("draining"), 503, "5"),
        (errors.NotConfigured("no key"), 503, "5"),
    ],
)
async def test_a_refusal_at_the_door_says_when_to_come_again(
    error: ChatbotError, status: int, retry_after: str
) -> None:
    model = FakeModel()
    model.refusal = error
    async with client_of(service_state(model=model)) as client:
        answer = await client.post("/office/Llama", json={"input_data": "안녕"})
    assert answer.status_code == status
    assert answer.headers["retry-after"] == retry_after
    assert answer.json()["retry_after"] == int(retry_after)
    if status == 429:
        assert answer.json()["queue_size"] == 9
        assert set(answer.json()) == {"detail", "retry_after", "queue_size"}


def _leaves(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _leaves(child)


def test_every_named_failure_has_its_own_status() -> None:
    from chatbot.api.errors import failure_of

    samples = {
        errors.UnknownModel: errors.UnknownModel("x", ("Llama",)),
        errors.PromptTooLong: errors.PromptTooLong(2, 1),
        errors.TooManyAnswers: errors.TooManyAnswers(3),
        errors.UnknownToken: errors.UnknownToken(512),
        errors.UnusableForm: errors.UnusableForm("grammar", "not one"),
        errors.Overloaded: errors.Overloaded(1, 1, "queue"),
        errors.CharacterChanged: errors.CharacterChanged(version()),
    }
    for kind in set(_leaves(ChatbotError)) - {ChatbotError}:
        failure = failure_of(samples.get(kind) or kind("sentence for the log"), "ko")
        assert (failure.status == 500) == (kind is errors.ModelFailed), kind
        assert "sentence for the log" not in str(failure.body())


async def test_an_unexpected_error_is_a_500_without_internals_and_with_its_request_id() -> None:
    model = FakeModel(ValueError("secret detail"))
    async with client_of(service_state(model=model)) as client:
        answer = await client.post(
            "/office/Llama", json={"input_data": "안녕"}, headers={"X-Request-Id": "r1"}
        )
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "r1"


async def test_an_unknown_alias_names_the_known_ones_and_other_routes_are_not_models() -> None:
    async with client_of(service_state(foreign={"gpt4.1": FakeModel()})) as client:
        unknown = await client.post("/office/gpt5", json={"input_data": "안녕"})
        known = await client.post("/office/gpt4.1", json={"input_data": "안녕"})
        reserved = await client.post("/office/performance", json={})
    assert unknown.status_code == 400
    assert "Llama, gpt4.1" in unknown.json()["detail"]
    assert known.status_code == 200
    assert reserved.status_code == 405
    assert reserved.headers["allow"] == "GET, HEAD"


async def test_a_draining_service_refuses_every_model_and_says_when_to_come_again() -> None:
    state = service_state(foreign={"gpt4.1": FakeModel()})
    async with client_of(state) as client:
        await state.chat.drain()
        answers = [
            await client.post(f"/office/{a}", json={"input_data": "안녕"}) for a in ("Llama", "gpt4.1")
        ]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert [answer.headers["retry-after"] for answer in answers] == ["5", "5"]
    assert state.chat.statistics.active == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("after", "99999999999999999999"), ("after", "9" * 400), ("after", "-1"), ("limit", "201")],
)
async def test_numbers_that_no_database_takes_are_refused_at_the_door(name: str, value: str) -> None:
    async with client_of(service_state()) as client:
        refused = await client.get(f"/office/rooms/{ROOM}", params={"user_id": "u", name: value})
    assert refused.status_code == 422
    assert refused.json()["detail"][0]["loc"] == ["query", name]
    assert value not in refused.text


async def test_a_browser_that_mistyped_gets_the_page_that_leads_on_and_a_program_json() -> None:
    async with client_of(service_state()) as client:
        page = await client.get("/office/nowhere", headers={"Accept": "text/html,*/*;q=0.8"})
        data = await client.get("/office/nowhere")
        room = await client.get(
            f"/office/rooms/{ROOM}", params={"user_id": "u"}, headers={"Accept": "text/html"}
        )
    assert (page.status_code, data.status_code, room.status_code) == (404, 404, 404)
    assert 'href="/office/"' in page.text
    assert page.headers["x-request-id"]
    assert data.json() == {"detail": "찾을 수 없습니다."}
    assert room.json() == {"detail": "그런 방이 없습니다."}


async def test_keys_are_asked_before_anything_is_looked_up() -> None:
    ring = KeyRing([KeyEntry(name="front", sha256=digest("right"), users=("team-*",))])
    model = FakeModel()
    async with client_of(service_state(model=model, keys=ring)) as client:
        body = {"input_data": "안녕", "user_id": "team-a"}
        none = await client.post("/office/Llama", json=body)
        wrong = await client.post("/office/Llama", json=body, headers={"Authorization": "Bearer wrong"})
        good = {"Authorization": "Bearer right"}
        mine = await client.post("/office/Llama", json=body, headers=good)
        theirs = await client.post("/office/Llama", json={**body, "user_id": "other"}, headers=good)
        rooms = await client.get("/office/rooms", params={"user_id": "other"}, headers=good)
    assert [none.status_code, wrong.status_code, mine.status_code] == [401, 401, 200]
    assert [theirs.status_code, rooms.status_code] == [403, 403]
    assert none.headers["www-authenticate"] == "Bearer"
    assert [request.caller for request in model.requests] == ["key:front/team-a"]
