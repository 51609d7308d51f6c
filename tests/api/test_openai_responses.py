"""POST /v1/responses: text in and out, streaming, stateless, with OpenAI's own client and over plain HTTP."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.errors import DeadlineExceeded, Overloaded
from chatbot.domain.forms import FormKind
from chatbot.domain.messages import Finished, FinishReason, ServiceName, Token, Usage, Waiting

pytestmark = pytest.mark.anyio

PATH = "/office/v1/responses"


@asynccontextmanager
async def official_client(
    model: FakeModel, service: ServiceName = ServiceName("office")
) -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        serving(create_app(service_state(service, model))) as url,
        openai.AsyncOpenAI(base_url=f"{url}/{service}/v1", api_key="unused", max_retries=0) as client,
    ):
        yield client


async def post(body: dict[str, Any], model: FakeModel | None = None) -> Any:
    async with client_of(service_state(model=model or FakeModel())) as client:
        return await client.post(PATH, json=body)


async def test_a_text_is_answered_with_instructions_and_usage() -> None:
    model = FakeModel()
    async with official_client(model) as client:
        answer = await client.responses.create(
            model="Llama",
            input="하나",
            instructions="Answer in rhymes.",
            max_output_tokens=7,
            temperature=0,
            store=False,
        )
    assert (answer.output_text, answer.status, answer.incomplete_details) == ("안녕하세요", "completed", None)
    assert (answer.instructions, answer.max_output_tokens) == ("Answer in rhymes.", 7)
    assert answer.to_dict()["store"] is False
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.input_tokens_details.cached_tokens) == (10, 4)
    assert answer.usage.total_tokens == 12
    conversation, sampling = model.conversations[0], model.samplings[0]
    assert conversation.user_text == "Answer in rhymes.\n\n하나"
    assert "Answer in rhymes." not in conversation.system_text
    assert (sampling.max_tokens, sampling.temperature) == (7, 0)


async def test_a_conversation_of_items_is_read_as_messages_are() -> None:
    model = FakeModel()
    items = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "하나"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "둘", "annotations": []}],
        },
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": '{"city": "서울"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "맑음"},
        {"role": "user", "content": "셋"},
    ]
    assert (await post({"input": items}, model)).status_code == 200
    conversation = model.conversations[0]
    assert [(turn.question, turn.answer) for turn in conversation.exchanges] == [("하나", "둘")]
    for quoted in ("[Call of the tool weather]", "[Result of the tool weather]\n> 맑음", "셋", "Be brief."):
        assert quoted in conversation.user_text
    assert "맑음" not in conversation.system_text


async def test_an_answer_that_stands_last_goes_on() -> None:
    model = FakeModel()
    items = [{"role": "user", "content": "세어 줘"}, {"role": "assistant", "content": "하나, 둘,"}]
    assert (await post({"input": items}, model)).status_code == 200
    assert model.conversations[0].begun == "하나, 둘,"


async def test_the_official_client_streams_events_in_their_order() -> None:
    async with official_client(FakeModel(Waiting(1, 2.0), Token("안"), Token("녕"))) as client:
        stream = await client.responses.create(model="Llama", input="안녕", stream=True)
        events = [event async for event in stream]
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == "안녕"
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "안녕"
    assert last.response.usage is not None
    assert {event.item_id for event in events if hasattr(event, "item_id")} == {last.response.output[0].id}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (FinishReason.LENGTH, "max_output_tokens"),
        (FinishReason.CONTENT_FILTER, "content_filter"),
        (FinishReason.STOPPED, "max_output_tokens"),
    ],
)
async def test_what_ends_before_its_end_is_incomplete(reason: FinishReason, told: str, stream: bool) -> None:
    model = FakeModel(Token("안"), Finished(reason, Usage(1, 0, 1), 0, 0, 0))
    answer = await post({"input": "안녕", "stream": stream}, model)
    data = answer.text.splitlines()[-2].removeprefix("data: ") if stream else answer.text
    response = json.loads(data)["response"] if stream else json.loads(data)
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": told})
    assert response["output"][0]["content"][0]["text"] == "안"


async def test_the_helper_of_the_official_client_collects_a_stream() -> None:
    async with (
        official_client(FakeModel(Token("안"), Token("녕"))) as client,
        client.responses.stream(model="Llama", input="안녕") as stream,
    ):
        final = await stream.get_final_response()
    assert final.output_text == "안녕"


async def test_an_empty_answer_is_a_message_without_text() -> None:
    model = FakeModel(Finished(FinishReason.STOP, Usage(), 0, 0, 0))
    response = (await post({"input": "안녕"}, model)).json()
    assert response["output"][0]["content"][0]["text"] == ""
    streamed = (await post({"input": "안녕", "stream": True}, model)).text
    assert streamed.index("content_part.added") < streamed.index("response.completed")


async def test_a_failure_in_a_stream_is_an_event_and_before_it_a_refusal() -> None:
    broken = await post({"input": "안녕", "stream": True}, FakeModel(Token("안"), DeadlineExceeded("decode")))
    failed = json.loads(broken.text.splitlines()[-2].removeprefix("data: "))
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert "in time" in failed["response"]["error"]["message"]
    model = FakeModel()
    model.refusal = Overloaded(12, 3, "queue")
    refused = await post({"input": "안녕", "stream": True}, model)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")


SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": SCHEMA,
    "strict": True,
}
CLOCK: Any = {"type": "function", "name": "clock", "parameters": {}, "strict": None}
FORCED: dict[str, Any] = {"tools": [CLOCK, WEATHER], "tool_choice": "required"}
CALL = (Token("get_wea"), Token('ther\n{"ci'), Token('ty": "서울"'), Token("}"))
ARGUMENTS = '{"city": "서울"}'
CHOICES: list[Any] = ["required", {"type": "function", "name": "get_weather"}]


@pytest.mark.parametrize("choice", CHOICES)
async def test_a_forced_call_is_an_item_of_the_output(choice: Any) -> None:
    model = FakeModel(*CALL)
    async with official_client(model) as client:
        answer = await client.responses.create(
            model="Llama", input="서울 날씨는?", tools=[CLOCK, WEATHER], tool_choice=choice
        )
    [item] = answer.output
    assert item.type == "function_call"
    assert (item.name, item.arguments, item.status) == ("get_weather", ARGUMENTS, "completed")
    assert item.id != item.call_id
    assert (answer.status, answer.output_text) == ("completed", "")
    told = answer.to_dict()
    assert told["tool_choice"] == choice
    offered = ["get_weather"] if isinstance(choice, dict) else ["clock", "get_weather"]
    assert [tool["name"] for tool in told["tools"]] == offered  # type: ignore[attr-defined]
    conversation, form = model.conversations[0], model.samplings[0].form
    assert "[Description of the tool get_weather]\n> Tells the weather." in conversation.user_text
    assert ("[Description of the tool clock]" in conversation.user_text) == (choice == "required")
    assert form is not None
    assert (form.kind, form.param) == (FormKind.CALL, "tools")


async def test_a_forced_call_streams_its_arguments() -> None:
    async with official_client(FakeModel(Waiting(1, 2.0), *CALL)) as client:
        stream = await client.responses.create(model="Llama", input="날씨", stream=True, **FORCED)
        events = [event async for event in stream]
        async with client.responses.stream(model="Llama", input="날씨", **FORCED) as helped:
            final = await helped.get_final_response()
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    added, done, last = events[2], events[-2], events[-1]
    assert added.item.to_dict() | {"status": "", "arguments": ""} == done.item.to_dict() | {
        "status": "",
        "arguments": "",
    }
    assert (added.item.status, added.item.arguments) == ("in_progress", "")
    assert (done.item.status, done.item.arguments) == ("completed", ARGUMENTS)
    assert "".join(event.delta for event in events if hasattr(event, "delta")) == ARGUMENTS
    assert events[-3].arguments == ARGUMENTS
    assert {event.item_id for event in events if hasattr(event, "item_id")} == {added.item.id}
    assert last.response.output == [done.item]
    assert final.output[0].arguments == ARGUMENTS  # type: ignore[union-attr]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_is_cut_is_incomplete(stream: bool) -> None:
    cut = Finished(FinishReason.LENGTH, Usage(10, 4, 2), 0.0, 0.0, 0.0)

    async def ended(*script: Token) -> dict[str, Any]:
        answer = await post({"input": "날씨", "stream": stream, **FORCED}, FakeModel(*script, cut))
        if stream:
            last = json.loads(answer.text.splitlines()[-2].removeprefix("data: "))
            assert last["type"] == "response.incomplete"
            return dict(last["response"])
        return dict(answer.json())

    in_arguments, in_name = await ended(*CALL[:2]), await ended(*CALL[:1])
    for response in (in_arguments, in_name):
        assert (response["status"], response["incomplete_details"]["reason"]) == (
            "incomplete",
            "max_output_tokens",
        )
    [item] = in_arguments["output"]
    assert (item["arguments"], item["status"]) == ('{"ci', "incomplete")
    assert in_name["output"] == []


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"previous_response_id": "resp_1"}, "previous_response_id", "unsupported_parameter"),
    ({"conversation": {"id": "conv_1"}}, "conversation", "unsupported_parameter"),
    ({"background": True}, "background", "unsupported_parameter"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt", "unsupported_parameter"),
    ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
    (
        {"tool_choice": {"type": "function", "name": "other"}, "tools": [CLOCK]},
        "tool_choice",
        "invalid_value",
    ),
    ({"tool_choice": "required", "tools": [{**CLOCK, "type": "custom"}]}, "tools.0.type", "invalid_value"),
    (
        {**FORCED, "text": {"format": {"type": "json_object"}}},
        "text.format",
        "unsupported_parameter",
    ),
    ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
    ({"text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_value"),
    ({"input": []}, "input", "invalid_value"),
    ({"input": None}, "input", "missing_required_parameter"),
    ({"input": 5}, "input", "invalid_value"),
    ({"input": [{"content": "a"}]}, "input.0", "missing_required_parameter"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input.0.type", "invalid_value"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]},
        "input.0.content",
        "unsupported_parameter",
    ),
    ({"max_output_tokens": 0}, "max_output_tokens", "invalid_value"),
    ({"instructions": ["a"]}, "instructions", "invalid_value"),
]


@pytest.mark.parametrize(("change", "param", "code"), REFUSED)
async def test_what_cannot_be_honoured_is_refused_by_name(
    change: dict[str, Any], param: str, code: str
) -> None:
    model = FakeModel()
    answer = await post({"input": "안녕", **change}, model)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"], error["code"]) == (400, param, code)
    assert not model.requests


async def test_what_asks_for_nothing_passes_and_what_has_no_meaning_is_named() -> None:
    harmless = {
        "previous_response_id": None,
        "background": False,
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "tool_choice": "auto",
        "store": True,
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
        "truncation": "disabled",
        "tools": [{"type": "function", "name": "f", "parameters": {}}],
        "something": 1,
    }
    answer = await post({"input": "안녕", **harmless})
    assert answer.status_code == 200
    assert answer.headers["x-ignored-parameters"] == "include, others, reasoning, store, tools, truncation"


async def test_a_stop_string_cuts_no_forced_call() -> None:
    model = FakeModel(*CALL)
    answer = await post({"input": "날씨", "stop": ["\n"], **FORCED}, model)
    assert answer.headers["x-ignored-parameters"] == "stop"
    assert model.samplings[0].stop == ()
    assert answer.json()["output"][0]["arguments"] == ARGUMENTS


async def test_the_character_s_instructions_are_its_introduction() -> None:
    model = FakeModel()
    async with official_client(model, ServiceName("character")) as client:
        await client.responses.create(
            model="Llama",
            input=[
                {"role": "assistant", "content": "*looks up* Hello!"},
                {"role": "user", "content": "Hi."},
            ],
            instructions="{{char}} is a librarian.",
            extra_body={"character_name": "Rachel"},
        )
    conversation = model.conversations[0]
    assert conversation.opening == "*looks up* Hello!"
    assert "Rachel is a librarian." in conversation.system_text
