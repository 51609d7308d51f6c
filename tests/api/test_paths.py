"""What a path is answered, over a real server: methods, HEAD, slashes, escapes, and what is no route."""

from collections.abc import AsyncIterator

import httpx
import pytest
from tests.support.fakes import FakeModel, service_state
from tests.support.memory_history import MemoryHistory
from tests.support.serving import serving

from chatbot.api.app import create_app

pytestmark = pytest.mark.anyio

ROOM = "123e4567-e89b-12d3-a456-426614174000"
QUESTION = {"input_data": "안녕", "user_id": "u", "db_id": ROOM}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of an office service with one room."""
    state = service_state(history=MemoryHistory(), foreign={"gpt4.1": FakeModel()})
    async with serving(create_app(state)) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.post("/office/Llama", json=QUESTION)).status_code == 200
        yield client


READABLE = {
    "/office/": {},
    "/office": {},
    "/office/docs": {},
    "/office/redoc": {},
    "/office/static/chat.js": {},
    "/office/openapi.json": {},
    "/office/performance": {},
    "/office/rooms": {"user_id": "u"},
    "/office/rooms/export": {"user_id": "u"},
    f"/office/rooms/{ROOM}": {"user_id": "u"},
    "/office/v1/models": {},
    "/healthz": {},
    "/readyz": {},
    "/metrics": {},
    # And what fails: as GET too.
    "/office/Llama": {},
    "/office/nothing": {},
    "/office/v1/nothing": {},
}
_VARIES = {"date", "x-request-id", "server-timing", "transfer-encoding"}
"""Differ between any two answers; how the body ends, HEAD need not tell (RFC 9110 §9.3.2)."""


async def test_head_has_the_status_and_headers_of_get_and_no_body(client: httpx.AsyncClient) -> None:
    for path, query in READABLE.items():
        get = await client.get(path, params=query)
        head = await client.head(path, params=query)
        assert head.status_code == get.status_code, path
        assert head.content == b"", path
        headers = [{k: v for k, v in answer.headers.items() if k not in _VARIES} for answer in (head, get)]
        assert headers[0] == headers[1], path


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/office/", "GET, HEAD"),
        ("/office/performance", "GET, HEAD"),
        ("/office/docs", "GET, HEAD"),
        ("/office/openapi.json", "GET, HEAD"),
        ("/office/rooms", "GET, HEAD, DELETE"),
        ("/office/rooms/export", "GET, HEAD"),
        (f"/office/rooms/{ROOM}", "GET, HEAD, PATCH, DELETE"),
        ("/office/Llama", "POST"),
        ("/office/gpt4.1", "POST"),
        ("/office/v1/models", "GET, HEAD"),
        ("/office/v1/chat/completions", "POST"),
        ("/readyz", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_told_every_right_one(
    path: str, allowed: str, client: httpx.AsyncClient
) -> None:
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - set(allowed.split(", ")):
        answer = await client.request(method, path, params={"user_id": "u"})
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed), method


@pytest.mark.parametrize(
    "path",
    [
        "/office/Llama%0a",
        "/office/Llama%0A",
        "/office%2fLlama",
        "/office/%2Fv1/chat/completions",
        "/office/gpt4.1%0d%0a",
        "/office/rooms%2fexport",
        "/office/docs%5c",
        "/office/performance%00",
        "/office/performance/",
        "/office/rooms/",
        "/office/Llama/",
        "/office/static",
        "/office/v1",
        "//office/Llama",
        "/nothing",
    ],
)
async def test_what_is_no_route_is_404_and_goes_nowhere_else(path: str, client: httpx.AsyncClient) -> None:
    for method in ("GET", "POST"):
        # As one string: httpx would take an empty first segment for a host.
        url = f"{str(client.base_url).rstrip('/')}{path}?user_id=u"
        answer = await client.request(method, url, json=QUESTION)
        assert answer.status_code == 404, method
        assert "location" not in answer.headers
        assert set(answer.json()) == {"detail"}


async def test_an_unknown_model_is_named_by_a_question_alone(client: httpx.AsyncClient) -> None:
    assert (await client.post("/office/gpt5", json=QUESTION)).status_code == 400
    assert (await client.get("/office/gpt5")).status_code == 404


@pytest.mark.parametrize("path", ["/office/v1/nothing", "/office/v1/", "/office/v1/chat%2fcompletions"])
async def test_openai_s_clients_hear_of_a_wrong_path_in_their_own_shape(
    path: str, client: httpx.AsyncClient
) -> None:
    answer = await client.post(path, json={})
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "not_found_error"
    wrong = await client.get("/office/v1/chat/completions")
    assert wrong.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", ["/office/rooms", "/office/rooms/export", f"/office/rooms/{ROOM}"])
async def test_a_parameter_that_is_sent_twice_is_refused(path: str, client: httpx.AsyncClient) -> None:
    for query in ("user_id=u&user_id=v", "user_id=u&user_id=u", "user_id=u&limit=1&limit=2"):
        for method in ("GET", "DELETE"):
            answer = await client.request(method, f"{path}?{query}")
            if answer.status_code == 405:
                continue
            assert answer.status_code == 422, (method, query)
            assert answer.json()["detail"][0]["type"] == "doubled"
    assert (await client.get("/office/rooms?user_id=u")).json()["rooms"]


async def test_a_page_behind_the_last_turn_is_empty_and_of_an_absent_room_404(
    client: httpx.AsyncClient,
) -> None:
    behind = await client.get(f"/office/rooms/{ROOM}", params={"user_id": "u", "after": 1})
    assert (behind.status_code, behind.json()["turns"]) == (200, [])
    for user, room in (("u", ROOM.replace("1", "2")), ("v", ROOM)):
        absent = await client.get(f"/office/rooms/{room}", params={"user_id": user, "after": 1})
        assert absent.status_code == 404
