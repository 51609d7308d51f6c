"""POST /v1/responses as tests ask it: by OpenAI's own client or over plain HTTP, with tools or without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import openai
from tests.api.weather import SCHEMA
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.service_names import ServiceName

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


WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather.",
    "parameters": SCHEMA,
    "strict": True,
}
CLOCK: Any = {"type": "function", "name": "clock", "parameters": {}, "strict": None}
FORCED: dict[str, Any] = {"tools": [CLOCK, WEATHER], "tool_choice": "required"}
