"""The real process at its most talkative, everything around it failing: no planted word in its output."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.history.servers import MongoServer
from tests.openai.upstream import error
from tests.search.local_server import Request, Response, running
from tests.support.gguf_factory import Plan, write_model
from tests.system.running_suite import RunningSuite, running_suite

from chatbot.domain.access import KeyEntry, digest

pytestmark = pytest.mark.anyio

KEY = "cb_canary-access-key"
OPENAI_KEY = "sk-canary-upstream-key"
PASSWORD = "canary-mongo-password"
ROOM = "123e4567-e89b-12d3-a456-426614174000"
QUESTION = "canary-question 카나리아질문 010-1234-5678"
OFFICE = {"input_data": QUESTION, "user_id": "canary-user", "db_id": ROOM}
CHARACTER = {
    **OFFICE,
    "character_name": "canary-name",
    "greeting": "canary-greeting 카나리아인사",
    "context": "canary-context 카나리아설정",
}
STREAM = {"Accept": "text/event-stream"}
JSON = {"Content-Type": "application/json"}
PLANTED = ("canary", "카나리아", "\\uce74", "1234-5678")
"""What every planted text holds, as it is and as JSON or a representation would escape it."""

WRONG: tuple[Any, ...] = (
    {**CHARACTER, "input_data": "canary-question" * 100},
    {**CHARACTER, "input_data": {"canary-question": 1}},
    {**CHARACTER, "user_id": "canary user!"},
    {**CHARACTER, "db_id": "canary-room"},
    {**CHARACTER, "greeting": "canary-greeting" * 1000, "context": 3, "character_name": ["canary-name"]},
    ["canary-question"],
    "canary-question",
)


def failing(asked: Request) -> Response:
    """An upstream, and a search provider, that fail in turn and quote what they were sent."""
    said = asked.body.decode() + asked.target + OPENAI_KEY
    failing.calls += 1  # type: ignore[attr-defined]
    return (
        lambda: error(401, "invalid_api_key", said),
        lambda: error(400, None, said),
        lambda: error(429, "insufficient_quota", said, retry_after="60"),
        lambda: Response(said.encode(), 200, content_type="text/html"),
        lambda: Response(f"data: {said}\n\n".encode(), content_type="text/event-stream"),
    )[failing.calls % 5]()  # type: ignore[attr-defined]


failing.calls = 0  # type: ignore[attr-defined]


@contextmanager
def suite_over(folder: Path, mongo: MongoServer, upstream: str, style: str) -> Iterator[RunningSuite]:
    """The suite with keys on, a database that refuses its password, and foreign servers that fail."""
    model = write_model(folder / "tiny.gguf", Plan())
    keys = folder / "keys.json"
    keys.write_text(
        json.dumps([KeyEntry(name="front", sha256=digest(KEY), users=("canary-*",)).model_dump(mode="json")])
    )
    with running_suite(
        folder,
        CHATBOT_OFFICE__MODEL=str(model),
        CHATBOT_CHARACTER__MODEL=str(model),
        CHATBOT_OFFICE__MAX_TOKENS="16",
        CHATBOT_CHARACTER__MAX_TOKENS="16",
        CHATBOT_HISTORY__MONGO_URI=f"mongodb://canary-mongo-user:{PASSWORD}@127.0.0.1:{mongo.port}/",
        CHATBOT_OPENAI__API_KEY=OPENAI_KEY,
        CHATBOT_OPENAI__BASE_URL=f"{upstream}/v1",
        CHATBOT_SEARCH__SEARXNG_URL=upstream,
        CHATBOT_ACCESS__KEYS_FILE=str(keys),
        CHATBOT_LOG_LEVEL="DEBUG",
        CHATBOT_LOG_FORMAT=style,
    ) as suite:
        yield suite


async def talk_to(suite: RunningSuite) -> set[int]:
    """Everything that a client can do, right and wrong; returns the statuses that came."""
    statuses: set[int] = set()
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=suite.gateway, headers=headers, timeout=60) as client:

        async def post(path: str, body: Any, **more: Any) -> None:
            statuses.add((await client.post(path, json=body, **more)).status_code)

        for more in ({}, STREAM):
            await post("/office/Llama", {**OFFICE, "google_access": True}, headers=more)
            await post("/character/Llama", CHARACTER, headers=more)
            for _ in range(5):
                await post("/character/gpt4.1", CHARACTER, headers=more)
        for body in WRONG:
            await post("/character/Llama", body)
        kept = {"name": "canary-name", "context": QUESTION, "lorebook": {"entries": [{"keys": [QUESTION]}]}}
        for path in ("", "/import"):
            for body in (kept, {**kept, "name": ["canary-name"]}):
                await post(f"/character/characters{path}?user_id=canary-user", body)
        await post("/character/Llama", {**OFFICE, "character_id": ROOM, "author_note": QUESTION})
        messages = [{"role": role, "content": QUESTION} for role in ("system", "assistant", "user")]
        await post("/office/v1/chat/completions", {"messages": messages, "user": "canary-user"})
        await post("/office/v1/chat/completions", {"messages": messages, "model": "canary-model"})
        await post("/office/v1/chat/completions", {"messages": messages * 30})
        await post("/office/Llama", OFFICE, headers={"Authorization": "Bearer canary-wrong-key"})
        await post("/office/Llama", {**OFFICE, "user_id": "not-canary"})
        broken = f'{{"input_data": "{QUESTION}", "canary-question": NaN}}'.encode()
        for content in (broken, b'"canary"' * 20_000):
            answer = await client.post("/office/Llama", content=content, headers=JSON)
            statuses.add(answer.status_code)
        for path in ("/office/rooms", "/office/rooms/export", f"/office/rooms/{ROOM}", "/nowhere"):
            answer = await client.get(path, params={"user_id": "canary-user"})
            statuses.add(answer.status_code)
    return statuses


@pytest.mark.parametrize("style", ["json", "console"])
async def test_no_planted_word_leaves_the_process(
    style: str, own_mongo_server: MongoServer, tmp_path: Path
) -> None:
    async with running(failing) as upstream:
        with suite_over(tmp_path, own_mongo_server, upstream.address, style) as suite:
            statuses = await talk_to(suite)
            assert suite.end(15, 30) == 0
    text = suite.log.read_text()
    assert statuses >= {200, 400, 401, 403, 404, 413, 422, 429, 502, 503}
    for event in ("history_away", "openai_refuses_the_key", "search_provider_failed", "history_left_kept"):
        assert event in text, f"{event} was not provoked, so nothing was shown of it"
    for word in PLANTED:
        places = [line for line in text.splitlines() if word in line]
        assert not places, places[:3]
