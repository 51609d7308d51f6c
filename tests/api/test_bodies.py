"""Every malformed body of contract §2.1 gets its 4xx, in Korean and English, without an echo, never 500."""

import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from tests.support.fakes import client_of, service_state

from chatbot.api import strict_json
from chatbot.api.character_bodies import NewCharacter
from chatbot.api.openai.responses.schema import ResponseRequest
from chatbot.api.openai.schema import CompletionRequest
from chatbot.api.room_bodies import RoomToStore
from chatbot.domain.service_names import ServiceName
from chatbot.services.character import CharacterRequest

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
MALFORMED = {
    "no JSON": b"{",
    "empty": b"",
    "bad UTF-8": b'{"input_data": "\xff"}',
    "NaN": b'{"input_data": "a", "x": NaN}',
    "Infinity": b'{"input_data": "a", "x": [-Infinity]}',
    "beyond a double": b'{"input_data": "a", "x": 1e400}',
    "huge integer": b'{"input_data": "a", "x": ' + b"9" * 5000 + b"}",
    "deep": b'{"input_data": "a", "x": ' + b"[" * 33 + b"]" * 33 + b"}",
    "very deep": b"[" * 60000,
    "a name twice": b'{"input_data": "a", "input_data": "b"}',
    "a name twice, deep down": b'{"input_data": "a", "x": [{"y": 1, "y": 1}]}',
    "two values": b'{"input_data": "a"} {}',
    "a byte order mark": b'\xef\xbb\xbf{"input_data": "a"}',
    "UTF-16": '{"input_data": "a"}'.encode("utf-16"),
    "a surrogate as bytes": b'{"input_data": "\xed\xa0\x80"}',
    "a raw control character": b'{"input_data": "a\nb"}',
    "an unclosed string of escaped quotes": b'{"input_data": "' + b'\\"' * 32000,
    "unclosed strings": b'"' * 60001,
}
INVALID: dict[str, Any] = {
    "missing": {},
    "null": {"input_data": None},
    "number": {"input_data": 5},
    "blank": {"input_data": "  \n "},
    "too long": {"input_data": "가" * 501},
    "NUL": {"input_data": "a\x00b"},
    "boolean as text": {"input_data": "a", "google_access": "yes"},
    "boolean as number": {"input_data": "a", "google_access": 1},
    "user with a slash": {"input_data": "a", "user_id": "a/b"},
    "user too long": {"input_data": "a", "user_id": "u" * 51},
    "user empty": {"input_data": "a", "user_id": ""},
    "user with a newline": {"input_data": "a", "user_id": "abc\n"},
    "room alone": {"input_data": "a", "db_id": "123e4567-e89b-12d3-a456-426614174000"},
    "room in braces": {"input_data": "a", "user_id": "u", "db_id": "{123e4567-e89b-12d3-a456-426614174000}"},
    "room without hyphens": {"input_data": "a", "user_id": "u", "db_id": "123e4567e89b12d3a456426614174000"},
    "room as number": {"input_data": "a", "user_id": "u", "db_id": 5},
    "a list": [1],
    "a string": "a",
}


async def _post(content: bytes, language: str = "", **headers: str) -> httpx.Response:
    async with client_of(service_state()) as client:
        sent = {**JSON, **({"Accept-Language": language} if language else {}), **headers}
        return await client.post("/office/Llama", content=content, headers=sent)


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_json_is_400_in_both_languages(name: str) -> None:
    korean, english = await _post(MALFORMED[name]), await _post(MALFORMED[name], "en")
    assert (korean.status_code, english.status_code) == (400, 400)
    assert "올바른 JSON" in korean.json()["detail"]
    assert not re.search("[A-Za-z]{2}", re.sub("JSON|UTF-8|NaN|Infinity", "", korean.json()["detail"]))
    assert "not valid JSON" in english.json()["detail"]
    assert english.json()["detail"].isascii()


@pytest.mark.parametrize("name", INVALID)
async def test_a_broken_rule_is_422_with_place_and_type_but_no_input(name: str) -> None:
    response = await _post(json.dumps(INVALID[name]).encode())
    assert response.status_code == 422, response.text
    for item in response.json()["detail"]:
        assert set(item) == {"loc", "msg", "type"}
        assert any("가" <= letter <= "힣" for letter in item["msg"]), item
    english = await _post(json.dumps(INVALID[name]).encode(), "en-US,en;q=0.9,ko;q=0.5")
    assert all(item["msg"].isascii() for item in english.json()["detail"])


@pytest.mark.parametrize("place", ["input_data", "user_id", "db_id"])
async def test_lone_surrogates_in_known_fields_are_422(place: str) -> None:
    body = {"input_data": "a", "user_id": "u", "db_id": None, place: "SURROGATE"}
    response = await _post(json.dumps(body).replace("SURROGATE", "\\ud800").encode())
    assert response.status_code == 422


async def test_unknown_fields_are_ignored_whatever_they_hold() -> None:
    response = await _post(b'{"input_data": "a", "x": {"y": ["\\ud800", "\\u0000", 1.5]}}')
    assert response.status_code == 200


async def test_a_canary_in_a_refused_body_is_never_echoed() -> None:
    for body in ({"input_data": "a", "user_id": "canary/secret"}, {"input_data": ["canary secret"]}):
        assert "canary" not in (await _post(json.dumps(body).encode())).text


async def test_size_type_and_encoding_have_their_own_answers() -> None:
    assert (await _post(b'{"input_data": "' + b"a" * 65536 + b'"}')).status_code == 413
    assert (await _post(b"{}", **{"Content-Type": "text/plain"})).status_code == 415
    # A form or a Blob without a type is what a foreign page may send without asking first.
    assert (await _post(b"{}", **{"Content-Type": ""})).status_code == 415
    assert (await _post(b"{}", **{"Content-Encoding": "gzip"})).status_code == 415
    async with client_of(service_state()) as client:
        two = [("Content-Type", "application/json"), ("Content-Type", "text/plain")]
        assert (await client.post("/office/Llama", content=b"{}", headers=two)).status_code == 415
    accepted = await _post(b'{"input_data": "a"}', **{"Content-Type": "application/json; charset=utf-8"})
    assert accepted.status_code == 200


async def test_a_body_without_a_length_is_cut_off_at_the_same_size() -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b" " * 1024

    async with client_of(service_state()) as client:
        response = await client.post("/office/Llama", content=endless(), headers=JSON)
    assert response.status_code == 413
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("field", "limit"), [("character_name", 50), ("greeting", 2000), ("context", 2000), ("input_data", 500)]
)
async def test_the_limits_of_the_character_fields_hold_to_the_character(field: str, limit: int) -> None:
    body = {"input_data": "a", "character_name": "a", "greeting": "a", "context": "a"}
    async with client_of(service_state(ServiceName("character"))) as client:
        fits = await client.post("/character/Llama", json={**body, field: f" {'가' * limit} "})
        exceeds = await client.post("/character/Llama", json={**body, field: "가" * (limit + 1)})
        blank = await client.post("/character/Llama", json={**body, field: " "})
    assert (fits.status_code, exceeds.status_code, blank.status_code) == (200, 422, 422)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_strict_parsing_agrees_with_the_standard_parser_on_good_json(value: object) -> None:
    assert strict_json.parse(json.dumps(value).encode()) == json.loads(json.dumps(value))


@given(
    st.binary(max_size=200) | st.text(alphabet='[]{}",:0123456789.eE-+ ntfNI\\u', max_size=40).map(str.encode)
)
def test_strict_parsing_refuses_with_its_own_error_or_agrees_with_the_standard_parser(data: bytes) -> None:
    try:
        value = strict_json.parse(data)
    except strict_json.MalformedJson:
        return
    assert value == json.loads(data)


@settings(max_examples=30)
@given(st.integers(1, 60))
def test_the_nesting_bound_counts_structure_and_not_brackets_in_strings(depth: int) -> None:
    nested = b"[" * depth + b'"[[[{{{\\"[["' + b"]" * depth
    if depth <= strict_json.MAX_DEPTH:
        strict_json.parse(nested)
    else:
        with pytest.raises(strict_json.MalformedJson):
            strict_json.parse(nested)


@pytest.mark.parametrize("begun", ["", '\\"' * 20, '\\\\\\"', '""'])
def test_a_string_that_never_ends_is_read_once_to_the_end_of_the_body(begun: str) -> None:
    # Were it looked for anew at each quote within, the brackets behind it would count as structure.
    with pytest.raises(strict_json.MalformedJson) as raised:
        strict_json.parse(f'{{"a": "{begun}{"[" * 2 * strict_json.MAX_DEPTH}'.encode())
    assert raised.value.fault == "syntax"


_WRONG = [1] * 5000
_SAMPLING = {
    "dry_sequence_breakers": _WRONG,
    "logit_bias": dict.fromkeys(map(str, range(5000)), "x"),
}


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        *[(CompletionRequest, {name: wrong}) for name, wrong in _SAMPLING.items()],
        *[(CharacterRequest, {"sampling": {name: wrong}}) for name, wrong in _SAMPLING.items()],
        (RoomToStore, {"turns": _WRONG}),
        (NewCharacter, {"alternate_greetings": _WRONG}),
        (NewCharacter, {"lorebook": {"entries": _WRONG}}),
        (NewCharacter, {"lorebook": {"entries": [{"keys": _WRONG, "unused_keys": _WRONG}] * 500}}),
        (NewCharacter, {"lorebook": {"unused_entries": _WRONG}}),
        *[(CompletionRequest, {name: _WRONG}) for name in ("messages", "stop", "tools", "guided_choice")],
        (CompletionRequest, {"structured_outputs": {"choice": _WRONG}}),
        (CompletionRequest, {"messages": [{"role": "assistant", "tool_calls": _WRONG}] * 50}),
        (CompletionRequest, {"messages": [{"role": "user", "content": _WRONG}] * 50}),
        (ResponseRequest, {"input": _WRONG}),
        (ResponseRequest, {"input": [{"role": "user", "content": _WRONG}] * 50}),
    ],
)
def test_no_body_brings_thousands_of_errors(schema: type[BaseModel], body: dict[str, Any]) -> None:
    # Each costs microseconds on the event loop, or in its way.
    with pytest.raises(ValidationError) as raised:
        schema.model_validate(body)
    assert raised.value.error_count() < 20
