"""Answers that have a form, as clients of OpenAI's format ask for them."""

import json
from typing import Any

import pytest
from tests.api.weather import FORCED, SAID, SCHEMA, WEATHER, post
from tests.support.fakes import FakeModel, SilentMeter, client_of, service_state

from chatbot.domain.errors import UnusableForm
from chatbot.domain.forms import Form, FormKind
from chatbot.domain.telemetry import Outcome

pytestmark = pytest.mark.anyio


def tool_with(parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "a", "parameters": parameters}}


def schema_form(param: str, *, strict: bool = True) -> Form:
    return Form(FormKind.JSON_SCHEMA, json.dumps(SCHEMA), param, strict=strict)


@pytest.mark.parametrize(
    ("fields", "form"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, Form(FormKind.JSON_OBJECT, param="response_format")),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}},
            schema_form("response_format", strict=False),
        ),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": SCHEMA, "strict": True}}},
            schema_form("response_format"),
        ),
        (
            {"response_format": {"type": "json_object", "schema": SCHEMA}},
            schema_form("response_format", strict=False),
        ),
        ({"json_schema": SCHEMA}, schema_form("json_schema")),
        ({"guided_json": json.dumps(SCHEMA)}, schema_form("guided_json")),
        ({"grammar": 'root ::= "a"'}, Form(FormKind.GRAMMAR, 'root ::= "a"', "grammar")),
        ({"guided_grammar": 'root ::= "a"'}, Form(FormKind.GRAMMAR, 'root ::= "a"', "guided_grammar")),
        ({"guided_regex": "a+"}, Form(FormKind.REGEX, "a+", "guided_regex")),
        (
            {"guided_choice": ["a", '"\n가']},
            Form(FormKind.GRAMMAR, r'start: "a" | "\"\n가"', "guided_choice"),
        ),
        ({"structured_outputs": {"json": SCHEMA}}, schema_form("structured_outputs")),
        ({"structured_outputs": {"regex": "a+"}}, Form(FormKind.REGEX, "a+", "structured_outputs")),
        ({"structured_outputs": {"backend": "x"}, "grammar": None}, None),
    ],
)
async def test_each_way_to_ask_for_a_form(fields: dict[str, Any], form: Form | None) -> None:
    model = FakeModel()
    assert (await post(model, **fields)).status_code == 200
    assert model.samplings[0].form == form


async def test_a_response_has_its_form_in_its_text() -> None:
    model = FakeModel()
    asked = {"type": "json_schema", "name": "a", "schema": SCHEMA, "strict": True}
    answer = await post(model, "responses", input="서울 날씨는?", text={"format": asked})
    assert answer.status_code == 200
    assert model.samplings[0].form == schema_form("text.format")
    assert answer.json()["text"] == {"format": asked}


@pytest.mark.parametrize("kind", ["text", "json_object"])
async def test_a_response_repeats_what_it_was_asked_for(kind: str) -> None:
    answer = await post(FakeModel(), "responses", input="서울 날씨는?", text={"format": {"type": kind}})
    assert answer.json()["text"] == {"format": {"type": kind}}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"response_format": {"type": "json_schema"}}, "response_format", "missing_required_parameter"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": "{"}}},
            "response_format.json_schema.schema",
            "invalid_value",
        ),
        ({"guided_json": "5"}, "guided_json", "invalid_value"),
        ({"grammar": "x", "guided_regex": "y"}, "guided_regex", "unsupported_parameter"),
        (
            {"grammar": "x", "messages": [SAID, {"role": "assistant", "content": "서울은"}]},
            "messages",
            "unsupported_parameter",
        ),
        ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
        ({"tool_choice": "sometimes", "tools": [WEATHER]}, "tool_choice", "invalid_value"),
        (
            {"tool_choice": {"type": "function", "function": {"name": "other"}}, "tools": [WEATHER]},
            "tool_choice",
            "invalid_value",
        ),
        ({"tool_choice": "required", "tools": [WEATHER, 5]}, "tools.1", "invalid_value"),
        (
            {"tool_choice": "required", "tools": [{"type": "function", "function": {"name": 'a" | "b'}}]},
            "tools.0.function.name",
            "invalid_value",
        ),
        ({"tool_choice": "required", "tools": [WEATHER] * 129}, "tools", "invalid_value"),
        ({**FORCED, "grammar": "root ::= a"}, "grammar", "unsupported_parameter"),
        ({**FORCED, "response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
        ({"guided_json": {"enum": ["\ud800"]}}, "guided_json", "invalid_value"),
        ({"guided_json": '{"enum": ["\\ud800"]}'}, "guided_json", "invalid_value"),
        ({"json_schema": {"properties": {"a\udfff": {}}}}, "json_schema", "invalid_value"),
        ({"structured_outputs": {"json": {"const": "\x00"}}}, "structured_outputs.json", "invalid_value"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"enum": ["\ud800"]}}}},
            "response_format.json_schema.schema",
            "invalid_value",
        ),
        (
            {"tool_choice": "required", "tools": [tool_with({"required": ["\ud800"]})]},
            "tools.0.function.parameters",
            "invalid_value",
        ),
        (
            {"tool_choice": "required", "tools": [tool_with({"properties": {"\ud800": {}}})]},
            "tools.0.function.parameters",
            "invalid_value",
        ),
    ],
)
async def test_what_is_no_form_is_refused_by_name(fields: dict[str, Any], param: str, code: str) -> None:
    model = FakeModel()
    answer = await post(model, **fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)
    assert error["message"]
    assert not model.requests


@pytest.mark.parametrize("stream", [False, True])
async def test_a_form_that_the_engine_refuses_is_a_400_with_the_reason(stream: bool) -> None:
    model, meter = FakeModel(UnusableForm("grammar", "rule {missing} not found")), SilentMeter()
    async with client_of(service_state(model=model, meter=meter)) as client:
        body = {"messages": [SAID], "grammar": "root ::= missing", "stream": stream}
        answer = await client.post("/office/v1/chat/completions", json=body)
    error = answer.json()["error"]
    assert meter.outcomes == [Outcome.REFUSED]
    assert (answer.status_code, error["param"], error["code"]) == (400, "grammar", "invalid_value")
    assert "rule {missing} not found" in error["message"]


async def test_a_foreign_model_without_the_form_refuses_it_and_takes_json() -> None:
    foreign = FakeModel()
    foreign.lacks = frozenset({"grammar", "regex"})
    asked: list[tuple[dict[str, Any], int]] = [
        ({"grammar": "root ::= a"}, 400),
        ({"guided_regex": "a"}, 400),
        ({"tools": [WEATHER], "tool_choice": "required"}, 400),
        ({"response_format": {"type": "json_object"}}, 200),
    ]
    for fields, status in asked:
        async with client_of(service_state(foreign={"gpt4.1": foreign})) as client:
            body = {"model": "gpt4.1", "messages": [SAID], **fields}
            answer = await client.post("/office/v1/chat/completions", json=body)
        assert answer.status_code == status, fields
        if status == 400:
            assert answer.json()["error"]["code"] == "unsupported_parameter"
