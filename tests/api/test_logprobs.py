"""``logprobs`` and ``top_logprobs`` of /v1, whole and streamed, as OpenAI's own client reads them."""

import json
from typing import Any

import openai
import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.messages import LikelyToken, Token, TokenLogprobs

pytestmark = pytest.mark.anyio

MESSAGES: list[Any] = [{"role": "user", "content": "안녕"}]


def told(piece: bytes, logprob: float) -> TokenLogprobs:
    return TokenLogprobs(
        LikelyToken(piece, logprob), (LikelyToken(piece, logprob), LikelyToken(b"<end>", -9.5))
    )


HALVES = "녕".encode()
SCRIPT = (
    Token("안", (told("안".encode(), -0.25),)),
    Token("녕", (told(HALVES[:1], -1.5), told(HALVES[1:], -0.125))),
    Token("하"),
    Token("", (told("하".encode(), -2.0),)),
)


async def ask(model: FakeModel, **fields: Any) -> Any:
    async with client_of(service_state(model=model)) as client:
        return await client.post("/office/v1/chat/completions", json={"messages": MESSAGES, **fields})


async def test_openai_s_client_reads_them_whole_and_streamed() -> None:
    async with (
        serving(create_app(service_state(model=FakeModel(*SCRIPT)))) as url,
        openai.AsyncOpenAI(base_url=f"{url}/office/v1", api_key="unused", max_retries=0) as client,
    ):
        asked: dict[str, Any] = {"model": "Llama", "messages": MESSAGES, "logprobs": True, "top_logprobs": 2}
        whole = await client.chat.completions.create(**asked)
        stream = await client.chat.completions.create(**asked, stream=True)
        chunks = [chunk.choices[0] async for chunk in stream]
    content = whole.choices[0].logprobs.content
    assert [(each.token, each.logprob) for each in content] == [
        ("안", -0.25),
        ("\ufffd", -1.5),
        ("\ufffd\ufffd", -0.125),
        ("하", -2.0),
    ]
    assert bytes(byte for each in content for byte in each.bytes).decode() == "안녕하"
    assert [(other.token, other.logprob) for other in content[0].top_logprobs] == [
        ("안", -0.25),
        ("<end>", -9.5),
    ]
    streamed = [each for chunk in chunks if chunk.logprobs for each in chunk.logprobs.content]
    assert [each.model_dump() for each in streamed] == [each.model_dump() for each in content]
    assert "".join(chunk.delta.content or "" for chunk in chunks) == "안녕하"


@pytest.mark.parametrize("stream", [False, True])
async def test_who_does_not_ask_is_told_nothing(stream: bool) -> None:
    model = FakeModel(*SCRIPT)
    for fields in ({}, {"logprobs": False}, {"logprobs": None, "top_logprobs": None}, {"top_logprobs": 0}):
        answer = await ask(model, stream=stream, **fields)
        assert (answer.status_code, "logprobs" in answer.text) == (200, False)
    assert {sampling.top_logprobs for sampling in model.samplings} == {None}


async def test_how_many_are_asked_for_reaches_the_model() -> None:
    model = FakeModel(*SCRIPT)
    for number in (None, 0, 20):
        answer = await ask(model, logprobs=True, top_logprobs=number)
        assert json.loads(answer.content)["choices"][0]["logprobs"]["refusal"] is None
    assert [sampling.top_logprobs for sampling in model.samplings] == [0, 0, 20]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": -1}, "top_logprobs"),
        ({"logprobs": False, "top_logprobs": 3}, "top_logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": 5}, "logprobs"),
        ({"logprobs": "yes", "top_logprobs": 3}, "logprobs"),
    ],
)
async def test_what_is_wrong_is_refused_by_its_name(fields: dict[str, Any], param: str) -> None:
    answer = await ask(FakeModel(), **fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
