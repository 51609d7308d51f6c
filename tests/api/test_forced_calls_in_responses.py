"""POST /v1/responses with tools of which one must be called: the call is an item of the output."""

import json
from typing import Any

import pytest
from tests.api.responses import CLOCK, FORCED, WEATHER, official_client, post
from tests.support.fakes import FakeModel

from chatbot.domain.forms import FormKind
from chatbot.domain.messages import Finished, FinishReason, Token, Usage, Waiting

pytestmark = pytest.mark.anyio

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


async def test_a_stop_string_cuts_no_forced_call() -> None:
    model = FakeModel(*CALL)
    answer = await post({"input": "날씨", "stop": ["\n"], **FORCED}, model)
    assert answer.headers["x-ignored-parameters"] == "stop"
    assert model.samplings[0].stop == ()
    assert answer.json()["output"][0]["arguments"] == ARGUMENTS
