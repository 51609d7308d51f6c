"""Answers that have a form, and forced calls of tools, as clients of OpenAI's format see them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import openai
import pytest
from tests.support.fakes import FakeModel, SilentMeter, client_of, service_state
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.errors import UnusableForm
from chatbot.domain.messages import Finished, FinishReason, Form, FormKind, ServiceName, Token, Usage
from chatbot.domain.telemetry import Outcome

pytestmark = pytest.mark.anyio

SAID: dict[str, Any] = {"role": "user", "content": "서울 날씨는?"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Tells\n[the] weather.", "parameters": SCHEMA},
}
CLOCK: Any = {"type": "function", "function": {"name": "clock"}}
FORCED: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required"}
CALL = (Token("get_wea"), Token('ther\n{"ci'), Token('ty": "서울'), Token('"}'))


async def post(
    model: FakeModel | None = None, path: str = "chat/completions", **fields: Any
) -> httpx.Response:
    async with client_of(service_state(model=model)) as client:
        # Python's own writer of JSON escapes what UTF-8 cannot say.
        body = json.dumps({"messages": [SAID], **fields})
        headers = {"Content-Type": "application/json"}
        return await client.post(f"/office/v1/{path}", content=body, headers=headers)


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
    foreign.lacks = frozenset({"grammar", "regex", "call"})
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


@asynccontextmanager
async def official_client(model: FakeModel) -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        serving(create_app(service_state(ServiceName("office"), model))) as url,
        openai.AsyncOpenAI(base_url=f"{url}/office/v1", api_key="unused", max_retries=0) as client,
    ):
        yield client


MESSAGES: Any = [SAID]
CHOICES: list[Any] = ["required", {"type": "function", "function": {"name": "get_weather"}}]


@pytest.mark.parametrize("choice", CHOICES)
async def test_a_forced_call_is_one(choice: Any) -> None:
    model = FakeModel(*CALL)
    async with official_client(model) as client:
        whole = await client.chat.completions.create(
            model="Llama", messages=MESSAGES, tools=[CLOCK, WEATHER], tool_choice=choice
        )
        stream = await client.chat.completions.create(
            model="Llama", messages=MESSAGES, tools=[CLOCK, WEATHER], tool_choice=choice, stream=True
        )
        assert isinstance(stream, openai.AsyncStream)
        chunks = [chunk.choices[0] async for chunk in stream]
    [call] = whole.choices[0].message.tool_calls or []
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "서울"})
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (None, "tool_calls")
    deltas = [part for chunk in chunks for part in chunk.delta.tool_calls or []]
    assert [delta.index for delta in deltas] == [0] * len(deltas)
    assert deltas[0].id
    assert [delta.function.name for delta in deltas if delta.function] == ["get_weather", None, None]
    arguments = "".join(delta.function.arguments or "" for delta in deltas if delta.function)
    assert arguments == call.function.arguments
    assert chunks[-1].finish_reason == "tool_calls"
    assert "".join(chunk.delta.content or "" for chunk in chunks) == ""


async def test_a_call_that_is_cut_says_so() -> None:
    cut = Finished(FinishReason.LENGTH, Usage(10, 4, 2), 0.0, 0.0, 0.0)
    tools: Any = {"tools": [WEATHER], "tool_choice": "required"}
    in_arguments = (await post(FakeModel(*CALL[:2], cut), **tools)).json()["choices"][0]
    assert in_arguments["finish_reason"] == "length"
    assert in_arguments["message"]["tool_calls"][0]["function"]["arguments"] == '{"ci'
    in_name = (await post(FakeModel(*CALL[:1], cut), **tools)).json()["choices"][0]
    assert in_name["finish_reason"] == "length"
    assert in_name["message"] == {"role": "assistant", "content": None}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_stop_string_cuts_no_forced_call(stream: bool) -> None:
    model = FakeModel(*CALL)
    answer = await post(model, **FORCED, stop=["\n", "서울"], stream=stream)
    assert answer.headers["x-ignored-parameters"] == "stop"
    assert model.samplings[0].stop == ()
    assert '"finish_reason":"tool_calls"' in answer.text.replace('": "', '":"')
    text = FakeModel()
    await post(text, stop=["\n"])
    assert text.samplings[0].stop == ("\n",)


async def test_what_names_no_tool_is_no_call() -> None:
    choice = (await post(FakeModel(*CALL[:1]), **FORCED)).json()["choices"][0]
    assert (choice["finish_reason"], choice["message"]) == ("stop", {"role": "assistant", "content": None})


async def test_each_of_several_answers_is_a_call_of_its_own() -> None:
    script = [Token("clock\n", answer=1), Token("get_weather\n{}"), Token('{"a": 1}', answer=1)]
    tools: Any = {"tools": [WEATHER, CLOCK], "tool_choice": "required", "n": 2}
    choices = (await post(FakeModel(*script), **tools)).json()["choices"]
    calls = [choice["message"]["tool_calls"][0] for choice in choices]
    assert [call["function"]["name"] for call in calls] == ["get_weather", "clock"]
    assert calls[0]["id"] != calls[1]["id"]


async def test_the_tools_stand_quoted_in_the_user_s_turn() -> None:
    model = FakeModel(*CALL)
    answer = await post(
        model, tools=[CLOCK, WEATHER], tool_choice="required", response_format={"type": "text"}
    )
    assert answer.status_code == 200
    assert "x-ignored-parameters" not in answer.headers
    conversation, form = model.conversations[0], model.samplings[0].form
    assert "get_weather" not in conversation.system_text
    assert conversation.user_text.startswith(
        "서울 날씨는?\n\n[Description of the tool clock]\n> Arguments: {}"
    )
    quoted = "[Description of the tool get_weather]\n> Tells\n> [the] weather.\n> Arguments: {"
    assert quoted in conversation.user_text
    assert form is not None
    assert (form.kind, form.param) == (FormKind.CALL, "tools")
    assert '"clock\\n" %json' in form.text
    assert '"get_weather\\n" %json' in form.text


async def test_of_a_named_tool_alone_the_model_is_told() -> None:
    model = FakeModel(*CALL)
    await post(model, tools=[CLOCK, WEATHER], tool_choice=CHOICES[1])
    assert "clock" not in model.conversations[0].user_text
    assert "clock" not in repr(model.samplings[0].form)


async def test_tools_of_which_the_client_leaves_the_choice_may_be_of_any_kind() -> None:
    for tools in ([5], "x", [{"type": "web_search"}], {"a": 1}):
        answer = await post(tools=tools, tool_choice="none")
        assert (answer.status_code, answer.headers["x-ignored-parameters"]) == (200, "tools")
