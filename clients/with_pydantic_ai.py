"""pydantic-ai's agents. They list no models, and an answer that stands last in a history is one to them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import openai
from clients import told
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider


class Place(BaseModel):
    """A city and how many live there."""

    city: str = Field(max_length=40)
    people: int


def _agent(base: str, **more: Any) -> Agent[None, Any]:
    client = openai.AsyncOpenAI(base_url=base, api_key="unused", max_retries=0, timeout=300)
    return Agent(OpenAIChatModel("Llama", provider=OpenAIProvider(openai_client=client)), retries=0, **more)


@told.operation("chat")
def _chat(base: str) -> None:
    answer = _agent(base, model_settings={"max_tokens": 60}).run_sync(told.QUESTION)
    told.check(answer.output, "no text")


@told.operation("stream")
def _stream(base: str) -> None:
    async def read() -> int:
        async with _agent(base, model_settings={"max_tokens": 60}).run_stream(told.QUESTION) as answer:
            return len([text async for text in answer.stream_text(delta=True, debounce_by=None)])

    told.check(asyncio.run(read()) > 1, "the text came in one piece")


@told.operation("stop early")
def _stop_early(base: str) -> str:
    async def leave() -> None:
        agent = _agent(base, model_settings={"max_tokens": 1000})

        async def read() -> None:
            async with agent.run_stream(told.ENDLESS) as answer:
                async for _ in answer.stream_text(delta=True, debounce_by=None):
                    begun.set()

        begun = asyncio.Event()
        reading = asyncio.create_task(read())
        await begun.wait()
        reading.cancel()
        await asyncio.wait([reading])

    return told.leaves_early(base, lambda: asyncio.run(leave()))


@told.operation("JSON schema")
def _json_schema(base: str) -> None:
    answer = _agent(base, output_type=NativeOutput(Place)).run_sync("서울의 인구는?")
    told.check(isinstance(answer.output, Place), repr(answer.output))


@told.operation("forced tool")
def _forced_tool(base: str) -> None:
    answer = _agent(base, output_type=ToolOutput(Place)).run_sync("서울의 인구는?")
    told.check(isinstance(answer.output, Place), repr(answer.output))


@told.operation("tools, auto")
def _tools_auto(base: str) -> None:
    agent = _agent(base, model_settings={"max_tokens": 60})

    def weather(city: str) -> str:
        """The weather of a city."""
        return f"{city}: 맑음"

    agent.tool_plain(weather)
    told.check(agent.run_sync(told.QUESTION).output, "no text")


@told.operation("200 turns")
def _many_turns(base: str) -> None:
    agent = _agent(base, model_settings={"max_tokens": 4})

    async def converse() -> None:
        history: Sequence[ModelMessage] = []
        for number in range(1, told.TURNS + 1):
            answer = await agent.run(told.turn_of(number), message_history=history)
            told.check(answer.output, f"no text in turn {number}")
            history = answer.all_messages()

    asyncio.run(converse())


if __name__ == "__main__":
    told.run()
