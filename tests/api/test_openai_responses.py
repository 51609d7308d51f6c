"""POST /v1/responses: text in and out, streaming, stateless, with OpenAI's own client and over plain HTTP."""

import json
from typing import Any

import pytest
from tests.api.responses import CLOCK, FORCED, official_client, post
from tests.support.fakes import FakeModel

from chatbot.domain.errors import DeadlineExceeded, Overloaded
from chatbot.domain.messages import Finished, FinishReason, Token, Usage, Waiting
from chatbot.domain.service_names import ServiceName

pytestmark = pytest.mark.anyio


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
