"""What an OpenAI server sends, for the local server of the tests."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

from pydantic import SecretStr
from tests.search.local_server import Handler, LocalServer, Response

from chatbot.domain.config import OpenAIAlias, OpenAIConfig
from chatbot.domain.messages import (
    Conversation,
    Exchange,
    Finished,
    GenerationEvent,
    Prompted,
    PromptPart,
    PromptReport,
    Sampling,
    Token,
)
from chatbot.domain.models import AdmissionRequest, ChatModel
from chatbot.domain.service_names import ServiceName
from chatbot.llm.openai.opening import OpenAIModels, open_openai

KEY = "sk-canary-0123456789"

USAGE = {"prompt_tokens": 30, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 10}}


def chunk(text: str | None = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    delta = {"role": "assistant"} | ({} if text is None else {"content": text})
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "gpt-4.1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        **more,
    }


def final(finish: str = "stop") -> list[dict[str, Any]]:
    """The last two chunks of an answer: its reason, then its usage with no choices."""
    return [chunk(finish=finish), {**chunk(), "choices": [], "usage": USAGE}]


def events(*contents: Any, done: bool = True) -> list[bytes]:
    lines = [f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode() for content in contents]
    return [*lines, b"data: [DONE]\n\n"] if done else lines


def answer(*texts: str, finish: str = "stop") -> Response:
    return stream(events(*(chunk(text) for text in texts), *final(finish)))


def stream(parts: Sequence[bytes], pause: float = 0.0, linger: float = 0.0) -> Response:
    """Send the parts one by one, ``pause`` seconds apart, and hold the connection ``linger`` seconds."""

    async def chunks() -> AsyncIterator[bytes]:
        for part in parts:
            yield part
            await asyncio.sleep(pause)
        await asyncio.sleep(linger)

    return Response(chunks=chunks(), content_type="text/event-stream")


def error(
    status: int, code: str | None, message: str = f"Incorrect API key provided: {KEY}", **headers: str
) -> Response:
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(body).encode(), status, named)


def in_turn(*makers: Callable[[], Response]) -> Handler:
    """Answer each request with the next response; the last one repeats."""
    left = list(makers)
    return lambda _: (left.pop(0) if len(left) > 1 else left[0])()


def completing(make: Callable[[], Response]) -> Handler:
    """Answer completions with ``make`` and the list of models at once, so that a check costs nothing."""
    return lambda asked: make() if asked.method == "POST" else Response(b'{"object": "list", "data": []}')


def config_for(server: LocalServer, **aliases: OpenAIAlias) -> OpenAIConfig:
    profiles = aliases or {"gpt": OpenAIAlias(model="gpt-4.1")}
    return OpenAIConfig(api_key=SecretStr(KEY), base_url=f"{server.address}/v1", aliases=profiles)


@asynccontextmanager
async def opened(config: OpenAIConfig, redact: Callable[[str], str] = str) -> AsyncIterator[OpenAIModels]:
    models = open_openai(config, redact)
    try:
        yield models
    finally:
        await models.close()


CONVERSATION = Conversation(
    system=(PromptPart("rules", "규칙을 지킨다."), PromptPart("context", "배경")),
    opening="안녕하세요!",
    exchanges=(Exchange(1, "첫 질문", "첫 답"), Exchange(2, "둘째 질문", "둘째 답")),
    references=(PromptPart("search", "[자료]"),),
    question="서울의 인구는?",
)


def request(
    caller: str = "kim", seconds: float = 20.0, service: ServiceName = ServiceName("office")
) -> AdmissionRequest:
    now = monotonic()
    return AdmissionRequest(service, caller, now, now + seconds, 100, 512)


async def generated(
    model: ChatModel,
    conversation: Conversation = CONVERSATION,
    sampling: Sampling | None = None,
    seconds: float = 20.0,
) -> list[GenerationEvent]:
    place = model.reserve(request(seconds=seconds))
    return [event async for event in place.generate(conversation, sampling or Sampling())]


def text_of(events_seen: Sequence[GenerationEvent]) -> str:
    return "".join(event.text for event in events_seen if isinstance(event, Token))


async def first_token(generation: AsyncIterator[GenerationEvent]) -> GenerationEvent:
    """The event behind that of the prompt."""
    assert isinstance(await anext(generation), Prompted)
    return await anext(generation)


def report_of(events_seen: Sequence[GenerationEvent]) -> PromptReport:
    first, *_ = events_seen
    assert isinstance(first, Prompted)
    return first.report


def finished_of(events_seen: Sequence[GenerationEvent]) -> Finished:
    *_, last = events_seen
    assert isinstance(last, Finished)
    return last
