"""OpenAI's own SDK, synchronous."""

import json
from typing import Any

import openai
from clients import told


def _client(base: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=base, api_key="unused", max_retries=0, timeout=300)


def _ask(base: str, messages: list[Any], **more: Any) -> Any:
    return _client(base).chat.completions.create(model="Llama", messages=messages, **more)


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@told.operation("list")
def _list(base: str) -> str:
    models = [model.id for model in _client(base).models.list()]
    told.check("Llama" in models, f"no Llama in {models}")
    return _client(base).models.retrieve("Llama").owned_by


@told.operation("chat")
def _chat(base: str) -> None:
    answer = _ask(base, [_user(told.QUESTION)], max_tokens=60)
    told.check(answer.choices[0].message.content, "no text")
    told.check(answer.choices[0].finish_reason in ("stop", "length"), answer.choices[0].finish_reason)
    told.check(answer.usage.prompt_tokens and answer.usage.completion_tokens, "no usage")


@told.operation("stream")
def _stream(base: str) -> None:
    usage = {"include_usage": True}
    chunks = list(_ask(base, [_user(told.QUESTION)], stream=True, stream_options=usage, max_tokens=60))
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    told.check(sum(bool(text) for text in texts) > 1, "the text came in one piece")
    told.check([chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1], "no finish reason")
    told.check(chunks[-1].usage and chunks[-1].usage.completion_tokens, "no usage")


@told.operation("stop early")
def _stop_early(base: str) -> str:
    def leave() -> None:
        with _ask(base, [_user(told.ENDLESS)], stream=True, max_tokens=1000) as stream:
            next(chunk for chunk in stream if chunk.choices[0].delta.content)

    return told.leaves_early(base, leave)


@told.operation("JSON schema")
def _json_schema(base: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "place", "schema": told.SCHEMA, "strict": True}}
    answer = _ask(base, [_user("서울의 인구는?")], response_format=form)
    told.check_schema(json.loads(answer.choices[0].message.content))
    text: Any = {"format": {"type": "json_schema", "name": "place", "schema": told.SCHEMA, "strict": True}}
    response = _client(base).responses.create(model="Llama", input="서울의 인구는?", text=text)
    told.check_schema(json.loads(response.output_text))


@told.operation("forced tool")
def _forced_tool(base: str) -> None:
    asked = [_user("서울 날씨는?")]
    named = {"type": "function", "function": {"name": "weather"}}
    for choice in ("required", named):
        chosen = _ask(base, asked, tools=[told.TOOL], tool_choice=choice).choices[0]
        told.check(chosen.finish_reason == "tool_calls", chosen.finish_reason)
        told.check_schema(json.loads(chosen.message.tool_calls[0].function.arguments))
    tool: Any = {"type": "function", **told.FUNCTION, "strict": True}
    items: list[Any] = list(asked)
    create = _client(base).responses.create
    response = create(model="Llama", input=items, tools=[tool], tool_choice="required")
    [call] = response.output
    assert call.type == "function_call", call  # noqa: S101 (for the type checker, too)
    told.check(call.name == "weather", call.name)
    told.check_schema(json.loads(call.arguments))
    # What the tool said goes back with the call.
    items += [call.to_dict(), {"type": "function_call_output", "call_id": call.call_id, "output": "맑음"}]
    told.check(create(model="Llama", input=items, max_output_tokens=60).output_text, "no text")


@told.operation("tools, auto")
def _tools_auto(base: str) -> str:
    create = _client(base).chat.completions.with_raw_response.create
    raw = create(model="Llama", messages=[_user(told.QUESTION)], tools=[told.TOOL], max_tokens=60)  # type: ignore[list-item]
    message = raw.parse().choices[0].message
    told.check(message.content or message.tool_calls, "neither text nor a call")
    return "text" if message.content else "a call"


@told.operation("continue")
def _continue(base: str) -> None:
    begun = "하나, 둘, 셋,"
    messages = [_user("열까지 세어 주세요."), {"role": "assistant", "content": begun}]
    text = _ask(base, messages, max_tokens=30).choices[0].message.content
    told.check(text, "no text")
    told.check(not text.startswith(begun), f"begins anew: {text!r}")


@told.operation("200 turns")
def _many_turns(base: str) -> str:
    messages: list[Any] = []
    prompts = cached = 0
    for number in range(1, told.TURNS + 1):
        messages.append(_user(told.turn_of(number)))
        answer = _ask(base, messages, max_tokens=4)
        told.check(answer.choices[0].message.content, f"no text in turn {number}")
        prompts += answer.usage.prompt_tokens
        cached += answer.usage.prompt_tokens_details.cached_tokens
        messages.append({"role": "assistant", "content": answer.choices[0].message.content})
    told.check(cached > 0.8 * prompts, f"{cached} of {prompts} prompt tokens were cached")
    return f"{100 * cached // prompts} % of prompts cached"


if __name__ == "__main__":
    told.run()
