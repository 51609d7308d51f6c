"""Forced calls of tools, as clients of OpenAI's format see them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from tests.api.weather import FORCED, SAID, WEATHER, post
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.forms import FormKind
from chatbot.domain.messages import Finished, FinishReason, Token, Usage
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio

CLOCK: Any = {"type": "function", "function": {"name": "clock"}}
CALL = (Token("get_wea"), Token('ther\n{"ci'), Token('ty": "서울'), Token('"}'))


@asynccontextmanager
async def official_client(model: FakeModel) -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        serving(create_app(service_state(ServiceName("office"), model))) as url,
        openai.AsyncOpenAI(base_url=f"{url}/office/v1", api_key="unused", max_retries=0) as client,
    ):
        yield client


MESSAGES: Any = [SAID]
CHOICES: list[Any] = ["required", {"type": "function", "function": {"name": "get_weather"}}]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_form_that_is_too_long_is_refused_before_any_work(stream: bool) -> None:
    schema = {"type": "object", "properties": {f"p{number}": {} for number in range(6000)}}
    tool = {"type": "function", "name": "f", "parameters": schema}
    asked = {"model": "Llama", "stream": stream}
    forms: list[tuple[str, dict[str, Any]]] = [
        ("responses", {"input": "x", "tools": [tool], "tool_choice": "required"}),
        ("responses", {"input": "x", "text": {"format": {"type": "json_schema", "schema": schema}}}),
        ("chat/completions", {"messages": MESSAGES, "guided_json": schema}),
    ]
    model = FakeModel(Token("f\n"), Token("{}"))
    async with client_of(service_state(model=model)) as client:
        for path, form in forms:
            refused = await client.post(f"/office/v1/{path}", json={**asked, **form})
            assert refused.status_code == 400
            assert "32 KiB" in refused.json()["error"]["message"]
            assert len(refused.content) < 1000
    assert not model.requests


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
