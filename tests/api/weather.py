"""What the tests of forms and forced calls ask for: the weather of a city, by its schema or its tool."""

import json
from typing import Any

import httpx
from tests.support.fakes import FakeModel, client_of, service_state

SAID: dict[str, Any] = {"role": "user", "content": "서울 날씨는?"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "description": "Tells\n[the] weather.", "parameters": SCHEMA},
}
FORCED: dict[str, Any] = {"tools": [WEATHER], "tool_choice": "required"}


async def post(
    model: FakeModel | None = None, path: str = "chat/completions", **fields: Any
) -> httpx.Response:
    """The answer of an OpenAI route to the question, with these fields beside it."""
    async with client_of(service_state(model=model)) as client:
        # Python's own writer of JSON escapes what UTF-8 cannot say.
        body = json.dumps({"messages": [SAID], **fields})
        headers = {"Content-Type": "application/json"}
        return await client.post(f"/office/v1/{path}", content=body, headers=headers)
