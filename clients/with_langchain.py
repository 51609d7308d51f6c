"""LangChain's ChatOpenAI; it lists no models."""

from contextlib import closing
from typing import Any

from clients import told
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_openai import ChatOpenAI


def _model(base: str, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(base_url=base, api_key="unused", model="Llama", max_retries=0, timeout=300, **more)


@told.operation("chat")
def _chat(base: str) -> None:
    answer = _model(base, max_tokens=60).invoke(told.QUESTION)
    told.check(answer.content, "no text")
    told.check(answer.usage_metadata and answer.usage_metadata["output_tokens"], "no usage")


@told.operation("stream")
def _stream(base: str) -> None:
    texts = [chunk.content for chunk in _model(base, max_tokens=60).stream(told.QUESTION)]
    told.check(sum(bool(text) for text in texts) > 1, "the text came in one piece")


@told.operation("stop early")
def _stop_early(base: str) -> str:
    def leave() -> None:
        with closing(_model(base, max_tokens=1000).stream(told.ENDLESS)) as stream:
            next(chunk for chunk in stream if chunk.content)

    return told.leaves_early(base, leave)


@told.operation("JSON schema")
def _json_schema(base: str) -> None:
    schema = {"title": "place", **told.SCHEMA}
    structured = _model(base).with_structured_output(schema, method="json_schema", strict=True)
    told.check_schema(structured.invoke("서울의 인구는?"))


@told.operation("forced tool")
def _forced_tool(base: str) -> None:
    for choice in ("required", "weather"):
        answer = _model(base).bind_tools([told.TOOL], tool_choice=choice).invoke("서울 날씨는?")
        told.check_schema(answer.tool_calls[0]["args"])
    schema = {"title": "place", "description": "A city.", **told.SCHEMA}
    structured = _model(base).with_structured_output(schema, method="function_calling")
    told.check_schema(structured.invoke("서울의 인구는?"))


@told.operation("tools, auto")
def _tools_auto(base: str) -> None:
    answer = _model(base, max_tokens=60).bind_tools([told.TOOL]).invoke(told.QUESTION)
    told.check(answer.content or answer.tool_calls, "neither text nor a call")


@told.operation("continue")
def _continue(base: str) -> None:
    begun = "하나, 둘, 셋,"
    answer = _model(base, max_tokens=30).invoke([HumanMessage("열까지 세어 주세요."), AIMessage(begun)])
    told.check(answer.content and not str(answer.content).startswith(begun), f"{answer.content!r}")


@told.operation("200 turns")
def _many_turns(base: str) -> None:
    model = _model(base, max_tokens=4)
    messages: list[BaseMessage] = []
    for number in range(1, told.TURNS + 1):
        messages.append(HumanMessage(told.turn_of(number)))
        messages.append(model.invoke(messages))
        told.check(messages[-1].content, f"no text in turn {number}")


if __name__ == "__main__":
    told.run()
