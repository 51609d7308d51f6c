"""instructor over OpenAI's SDK: it is made for objects, and passes the rest through."""

from typing import Any

import instructor
import openai
from clients import told
from pydantic import BaseModel, Field


class Place(BaseModel):
    """A city and how many live there."""

    city: str = Field(max_length=40)
    people: int


def _client(base: str, mode: instructor.Mode) -> Any:
    plain = openai.OpenAI(base_url=base, api_key="unused", max_retries=0, timeout=300)
    return instructor.from_openai(plain, mode=mode)


def _ask(base: str, mode: instructor.Mode, text: str, **more: Any) -> Any:
    messages = [{"role": "user", "content": text}]
    create = _client(base, mode).chat.completions.create
    return create(model="Llama", messages=messages, max_retries=0, **more)


@told.operation("chat")
def _chat(base: str) -> None:
    answer = _ask(base, instructor.Mode.TOOLS, told.QUESTION, response_model=None, max_tokens=60)
    told.check(answer.choices[0].message.content, "no text")


@told.operation("JSON schema")
def _json_schema(base: str) -> None:
    place = _ask(base, instructor.Mode.JSON_SCHEMA, "서울의 인구는?", response_model=Place)
    told.check(isinstance(place, Place), repr(place))


@told.operation("forced tool")
def _forced_tool(base: str) -> None:
    place = _ask(base, instructor.Mode.TOOLS, "서울의 인구는?", response_model=Place)
    told.check(isinstance(place, Place), repr(place))


if __name__ == "__main__":
    told.run()
