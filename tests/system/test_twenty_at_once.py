"""Twenty questions at once share the engine's steps: the whole served product, counted by its own metrics.

The model is random, so that its answers go on to their limit: all twenty produce the same number of tokens.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from tests.support.gguf_factory import Plan, write_model
from tests.system.running_suite import RunningSuite, running_suite

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(240), pytest.mark.slow]

USERS = 20
TOKENS = 192
DONE = re.compile(rb"event: done\ndata: (.*)\n")
COUNTED = {
    "requests": ("chatbot_requests_total", {"service": "office", "outcome": "successful"}),
    "generated": ("chatbot_generated_tokens_total", {"service": "office"}),
    "first tokens": ("chatbot_time_to_first_token_seconds_count", {"service": "office"}),
    "steps": ("chatbot_decode_sequences_count", {}),
    "sequences": ("chatbot_decode_sequences_sum", {}),
    "preemptions": ("chatbot_preemptions_total", {}),
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSuite]:
    folder = tmp_path_factory.mktemp("twenty")
    # A step takes milliseconds, as a real model's does: else the first would end before the last arrives.
    model = str(write_model(folder / "random.gguf", Plan(vocabulary=32_000, embedding=128)))
    settings = {
        f"CHATBOT_{service}__{name}": value
        for service in ("OFFICE", "CHARACTER")
        for name, value in {
            "MODEL": model,
            "MAX_TOKENS": str(TOKENS),
            "TEMPERATURE": "0",
            "POOL_TOKENS": "32768",
        }.items()
    }
    with running_suite(folder, **settings) as running:
        yield running


async def _answers_at_once(address: str) -> list[bytes]:
    """The raw answers to as many questions, whose last bytes are sent together."""
    place = urlsplit(address)
    connections = []
    for number in range(USERS):
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        body = json.dumps({"input_data": f"Question {number}?", "user_id": f"user-{number}"}).encode()
        head = (
            "POST /office/Llama HTTP/1.1\r\nHost: suite\r\nContent-Type: application/json\r\n"
            f"Accept: text/event-stream\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body[:-1])
        await writer.drain()
        connections.append((reader, writer))
    for _, writer in connections:
        writer.write(b"}")
    answers = await asyncio.gather(*(reader.read() for reader, _ in connections))
    for _, writer in connections:
        writer.close()
    return list(answers)


def _counts(suite: RunningSuite) -> dict[str, float]:
    return {name: suite.metric(metric, **labels) for name, (metric, labels) in COUNTED.items()}


async def test_twenty_at_once_share_each_step_and_every_counter_agrees(suite: RunningSuite) -> None:
    before, performance_before = _counts(suite), httpx.get(f"{suite.gateway}/office/performance").json()
    answers = await _answers_at_once(suite.gateway)
    done = [json.loads(data) for answer in answers for data in DONE.findall(answer)]
    after, performance = _counts(suite), httpx.get(f"{suite.gateway}/office/performance").json()
    rise = {name: after[name] - before[name] for name in COUNTED}

    assert [answer.split(b"\r\n", 1)[0] for answer in answers] == [b"HTTP/1.1 200 OK"] * USERS
    ends = [(event["finish_reason"], event["usage"]["completion_tokens"]) for event in done]
    assert ends == [("length", TOKENS)] * USERS
    assert rise["requests"] == rise["first tokens"] == USERS
    assert rise["generated"] == USERS * TOKENS
    assert rise["preemptions"] == 0
    # With at most twenty sequences in a step, a mean above 18.5 means that most steps had eighteen or more.
    assert rise["sequences"] / rise["steps"] > 18.5
    for name in ("total_requests", "successful_requests"):
        assert performance[name] - performance_before[name] == USERS
    assert performance["successful_requests"] == after["requests"]
    assert (performance["active_requests"], performance["queue_size"]) == (0, 0)
