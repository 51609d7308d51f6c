"""Branches over HTTP: where a question goes, what a model is shown of its path, and how a room is changed."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from tests.support.fakes import FakeModel, SilentMeter, client_of, service_state
from tests.support.memory_history import MemoryHistory

from chatbot.domain import errors
from chatbot.domain.history import Room
from chatbot.domain.messages import FinishReason, Token
from chatbot.domain.service_names import ServiceName
from chatbot.domain.telemetry import Outcome

pytestmark = pytest.mark.anyio

DB = "123e4567-e89b-12d3-a456-426614174000"
ROOM = Room(ServiceName("office"), "u", UUID(DB))
ROOM_PATH = f"/office/rooms/{DB}"
USER = {"user_id": "u"}


class Suite:
    """The office over HTTP with a model that numbers its answers."""

    def __init__(self, client: httpx.AsyncClient, model: FakeModel, history: MemoryHistory) -> None:
        self.client = client
        self.model = model
        self.history = history

    async def ask(self, text: str | None = None, **more: Any) -> str:
        """Ask in the room; returns the id of the stored turn."""
        self.model.script = (Token(f"답 {len(self.model.conversations) + 1}"),)
        body = {"user_id": "u", "db_id": DB, **({"input_data": text} if text else {}), **more}
        answer = await self.client.post("/office/Llama", json=body)
        assert answer.status_code == 200, answer.text
        return answer.headers["x-turn-id"]

    async def read(self, **query: Any) -> dict[str, Any]:
        answer = await self.client.get(ROOM_PATH, params={**USER, **query})
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page

    def shown(self) -> list[str]:
        """The questions that the model was shown last."""
        last = self.model.conversations[-1]
        return [*(turn.question for turn in last.exchanges), last.question]


@pytest.fixture
async def suite() -> Any:
    model, history = FakeModel(), MemoryHistory()
    async with client_of(service_state(model=model, history=history)) as client:
        yield Suite(client, model, history)


async def test_the_same_question_again_is_a_sibling_and_the_path_goes_through_it(suite: Suite) -> None:
    first, second = await suite.ask("하나"), await suite.ask("둘")
    await suite.ask("셋")
    before = suite.model.conversations[1]
    again = await suite.ask(regenerate=second)
    assert suite.model.conversations[-1] == before, (
        "the same prompt to the letter, so that its prefix is cached"
    )
    page = await suite.read()
    assert [(turn["id"], turn["after"], turn["siblings"]) for turn in page["turns"]] == [
        (first, None, [first]),
        (again, first, [second, again]),
    ]
    assert page["leaf"] == again
    await suite.ask("넷")
    assert suite.shown() == ["하나", "둘", "넷"]
    assert len((await suite.read(branches=1))["turns"]) == 5


async def test_another_question_in_a_turns_place(suite: Suite) -> None:
    first, second = await suite.ask("하나"), await suite.ask("둘")
    edited = await suite.ask("둘, 다르게", edit=second)
    assert suite.shown() == ["하나", "둘, 다르게"]
    other_first = await suite.ask("다른 하나", edit=first)
    assert suite.shown() == ["다른 하나"]
    turns = (await suite.read(branches=1))["turns"]
    assert [turn["siblings"] for turn in turns] == [
        [first, other_first],
        [second, edited],
        [second, edited],
        [first, other_first],
    ]


async def test_a_question_after_an_earlier_turn_and_before_all(suite: Suite) -> None:
    first = await suite.ask("하나")
    await suite.ask("둘")
    await suite.ask("둘 대신", after=first)
    assert suite.shown() == ["하나", "둘 대신"]
    await suite.ask("새 처음", after=None)
    assert suite.shown() == ["새 처음"]
    assert [turn["input_data"] for turn in (await suite.read())["turns"]] == ["새 처음"]


async def test_an_answer_goes_on_and_is_stored_as_one_text(suite: Suite) -> None:
    first = await suite.ask("하나")
    suite.model.script = (Token(" 그리고"), Token(" 더"))
    body = {"user_id": "u", "db_id": DB, "continue": first}
    answer = await suite.client.post("/office/Llama", json=body)
    assert answer.json() == " 그리고 더", "only what was added"
    assert suite.model.conversations[-1].begun == "답 1"
    assert suite.shown() == ["하나"]
    (turn,) = (await suite.read())["turns"]
    assert (turn["output_data"], turn["siblings"]) == ("답 1 그리고 더", [first, turn["id"]])


async def test_the_persona_speaks_the_stored_questions_language(suite: Suite) -> None:
    first = await suite.ask("What is this?")
    await suite.ask(regenerate=first)
    assert suite.model.conversations[0] == suite.model.conversations[1]


@pytest.mark.parametrize(
    ("more", "status", "kind"),
    [
        ({"regenerate": DB, "input_data": "q"}, 422, "question_given"),
        ({"continue": DB, "input_data": "q"}, 422, "question_given"),
        ({"edit": DB}, 422, "missing"),
        ({"edit": DB, "after": None, "input_data": "q"}, 422, "turns_doubled"),
        ({"regenerate": DB, "continue": DB}, 422, "turns_doubled"),
        ({"regenerate": DB, "db_id": None}, 422, "turn_without_room"),
        ({"after": DB, "db_id": None, "input_data": "q"}, 422, "turn_without_room"),
        ({"regenerate": "x"}, 422, "uuid_parsing"),
        ({"regenerate": 5}, 422, "uuid_type"),
        ({"input_data": None}, 422, "missing"),
        ({}, 422, "missing"),
        ({"regenerate": DB}, 404, None),
        ({"edit": DB, "input_data": "q"}, 404, None),
        ({"after": DB, "input_data": "q"}, 404, None),
        ({"continue": DB}, 404, None),
        ({"regenerate": None, "edit": None, "continue": None, "input_data": "q"}, 200, None),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    suite: Suite, more: dict[str, Any], status: int, kind: str | None
) -> None:
    answer = await suite.client.post("/office/Llama", json={"user_id": "u", "db_id": DB, **more})
    assert answer.status_code == status, answer.text
    if kind:
        assert [item["type"] for item in answer.json()["detail"]] == [kind]
    assert all(place.released for place in suite.model.places)


async def test_a_model_that_cannot_continue_says_so(suite: Suite) -> None:
    first = await suite.ask("하나")
    suite.model.continues = False
    body = {"user_id": "u", "db_id": DB, "continue": first}
    answer = await suite.client.post("/office/Llama", json=body)
    assert answer.status_code == 400
    assert "이어 쓸 수 없습니다" in answer.json()["detail"]


async def test_a_path_is_read_page_by_page(suite: Suite) -> None:
    turns = [await suite.ask(f"q{number}") for number in range(5)]
    await suite.ask(regenerate=turns[1])
    await suite.client.patch(ROOM_PATH, params=USER, json={"leaf": turns[4]})
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        page = await suite.read(after=after, limit=2)
        seen += [turn["id"] for turn in page["turns"]]
        after = page["next_after"]
    assert seen == turns


async def test_the_path_title_and_pin_can_be_changed(suite: Suite) -> None:
    first = await suite.ask("하나")
    await suite.ask("둘")
    await suite.ask("다른 하나", edit=first)
    patch = await suite.client.patch(
        ROOM_PATH, params=USER, json={"leaf": first, "title": "이름\n둘째 줄", "pinned": True}
    )
    assert patch.json() == {"db_id": DB, "title": "이름 둘째 줄", "pinned": True, "facts": []}
    assert [turn["input_data"] for turn in (await suite.read())["turns"]] == ["하나", "둘"]
    (line,) = (await suite.client.get("/office/rooms", params=USER)).json()["rooms"]
    assert (line["title"], line["pinned"]) == ("이름 둘째 줄", True)
    await suite.ask("셋")
    assert suite.shown() == ["하나", "둘", "셋"]
    for body, status in (
        ({}, 422),
        ({"title": "x" * 101}, 422),
        ({"title": "a\x00"}, 422),
        ({"pinned": 1}, 422),
        ({"leaf": DB}, 404),
        ([], 422),
    ):
        answer = await suite.client.patch(ROOM_PATH, params=USER, json=body)
        assert answer.status_code == status, body
    other = f"/office/rooms/{uuid4()}"
    assert (await suite.client.patch(other, params=USER, json={"pinned": True})).status_code == 404
    stranger = {"user_id": "somebody"}
    assert (await suite.client.patch(ROOM_PATH, params=stranger, json={"pinned": True})).status_code == 404


async def test_deleting_a_turn_takes_what_follows_it(suite: Suite) -> None:
    first, second = await suite.ask("하나"), await suite.ask("둘")
    await suite.ask("셋")
    other = await suite.ask(regenerate=second)
    await suite.client.patch(ROOM_PATH, params=USER, json={"leaf": second})
    answer = await suite.client.delete(f"{ROOM_PATH}/turns/{second}", params=USER)
    assert answer.json() == {"deleted": 2}
    assert [turn["id"] for turn in (await suite.read())["turns"]] == [first, other]
    assert (await suite.client.delete(f"{ROOM_PATH}/turns/{second}", params=USER)).status_code == 404
    assert (await suite.client.delete(f"{ROOM_PATH}/turns/nonsense", params=USER)).status_code == 422
    assert (await suite.client.delete(f"{ROOM_PATH}/turns/{first}", params=USER)).json() == {"deleted": 2}
    assert (await suite.client.get(ROOM_PATH, params=USER)).status_code == 404


async def test_an_answer_whose_turn_was_deleted_meanwhile_says_that_it_is_nowhere(suite: Suite) -> None:
    first = await suite.ask("하나")
    suite.model.script = (Token("늦은"), 0.2, Token(" 답"))
    body = {"user_id": "u", "db_id": DB, "input_data": "둘", "after": first}
    asking = asyncio.create_task(suite.client.post("/office/Llama", json=body))
    while len(suite.model.conversations) < 2:
        await asyncio.sleep(0.01)
    await suite.client.delete(f"{ROOM_PATH}/turns/{first}", params=USER)
    answer = await asking
    assert (answer.json(), answer.headers["x-history"]) == ("늦은 답", "deleted")
    assert suite.history.turns == []


async def test_a_text_is_found_in_titles_questions_and_answers(suite: Suite) -> None:
    turn = await suite.ask("주간 Report 항목")
    await suite.client.patch(ROOM_PATH, params=USER, json={"title": "회의"})
    search = "/office/rooms/search"
    found = (await suite.client.post(search, params=USER, json={"q": " REPORT "})).json()
    assert found == {
        "found": [{"db_id": DB, "title": "회의", "turn": turn, "excerpt": "주간 Report 항목"}],
        "complete": True,
    }
    (title,) = (await suite.client.post(search, params=USER, json={"q": "회의"})).json()["found"]
    assert title["turn"] is None
    assert (await suite.client.post(search, params={"user_id": "v"}, json={"q": "회의"})).json()[
        "found"
    ] == []
    for body in ({}, {"q": "  "}, {"q": "x" * 101}, {"q": None}, {"q": ".*\x00"}):
        assert (await suite.client.post(search, params=USER, json=body)).status_code == 422
    assert (await suite.client.post(search, params=USER, json={"q": ".*"})).json()["found"] == []
    assert (await suite.client.get(search, params=USER)).status_code == 405


async def test_an_export_names_what_each_turn_follows(suite: Suite) -> None:
    first = await suite.ask("하나")
    second = await suite.ask("둘")
    rooms = (await suite.client.get("/office/rooms/export", params=USER)).json()["rooms"]
    assert [(turn["id"], turn["after"]) for turn in rooms[0]["turns"]] == [(first, None), (second, first)]
    assert {turn["finish_reason"] for turn in rooms[0]["turns"]} == {"stop"}


KEEP = {"X-Keep": "partial"}
STREAM = {"Accept": "text/event-stream"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("keep", [False, True])
async def test_what_the_deadline_cuts_is_kept_if_that_is_asked_for(stream: bool, keep: bool) -> None:
    model, history, meter = FakeModel(), MemoryHistory(), SilentMeter()
    model.script = (Token("여기"), Token("까지"), errors.DeadlineExceeded("decode"))
    headers = {**(KEEP if keep else {}), **(STREAM if stream else {})}
    async with client_of(service_state(model=model, history=history, meter=meter)) as client:
        body = {"input_data": "q", "user_id": "u", "db_id": DB}
        answer = await client.post("/office/Llama", json=body, headers=headers)
    kept = [(turn.answer, turn.reason) for turn in history.turns]
    assert kept == ([("여기까지", FinishReason.STOPPED)] if keep else [])
    assert meter.outcomes == [Outcome.FAILED]
    if stream:
        assert ('"finish_reason":"stopped"' in answer.text) == keep
        assert ('"status":504' in answer.text) != keep
    else:
        assert answer.status_code == (200 if keep else 504)
        if keep:
            assert (answer.json(), answer.headers["x-finish-reason"]) == ("여기까지", "stopped")


async def test_nothing_is_kept_of_an_answer_that_had_not_begun() -> None:
    model, history = FakeModel(Token(" \n"), errors.DeadlineExceeded("prefill")), MemoryHistory()
    async with client_of(service_state(model=model, history=history)) as client:
        body = {"input_data": "q", "user_id": "u"}
        assert (await client.post("/office/Llama", json=body, headers=KEEP)).status_code == 504
    assert history.turns == []


async def test_what_the_deadline_cuts_is_answered_without_a_room_too() -> None:
    model, history = FakeModel(Token("a"), errors.DeadlineExceeded("decode")), MemoryHistory()
    async with client_of(service_state(model=model, history=history)) as client:
        answer = await client.post("/office/Llama", json={"input_data": "q"}, headers=KEEP)
        without = await client.post("/office/Llama", json={"input_data": "q"})
    assert (answer.status_code, answer.json(), answer.headers["x-history"]) == (200, "a", "none")
    assert without.status_code == 504
    assert history.turns == []
