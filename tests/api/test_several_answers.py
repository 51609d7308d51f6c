"""``n`` of /v1: several answers to one question, whole and streamed, as OpenAI's own client reads them."""

from typing import Any

import openai
import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.access import KeyEntry, KeyRing, digest
from chatbot.domain.messages import LikelyToken, Token, TokenLogprobs

pytestmark = pytest.mark.anyio

MESSAGES: list[Any] = [{"role": "user", "content": "안녕"}]


def token(text: str, answer: int) -> Token:
    return Token(text, (TokenLogprobs(LikelyToken(text.encode(), -1.0)),), answer)


SCRIPT = (token("안녕", 1), token("네", 0), token("하세요", 1), token("!", 2))


async def ask(model: FakeModel, keys: KeyRing | None = None, **fields: Any) -> Any:
    more: dict[str, Any] = {} if keys is None else {"keys": keys}
    async with client_of(service_state(model=model, **more)) as client:
        headers = {"Authorization": "Bearer right"}
        body = {"messages": MESSAGES, **fields}
        return await client.post("/office/v1/chat/completions", json=body, headers=headers)


@pytest.mark.parametrize("logprobs", [False, True])
async def test_openai_s_client_reads_them_whole_and_streamed(logprobs: bool) -> None:
    model = FakeModel(*SCRIPT)
    async with (
        serving(create_app(service_state(model=model))) as url,
        openai.AsyncOpenAI(base_url=f"{url}/office/v1", api_key="unused", max_retries=0) as client,
    ):
        asked: dict[str, Any] = {"model": "Llama", "messages": MESSAGES, "n": 3, "logprobs": logprobs}
        whole = await client.chat.completions.create(**asked)
        usage: Any = {"include_usage": True}
        stream = await client.chat.completions.create(**asked, stream=True, stream_options=usage)
        chunks = [chunk async for chunk in stream]
    assert [(choice.index, choice.message.content, choice.finish_reason) for choice in whole.choices] == [
        (0, "네", "stop"),
        (1, "안녕하세요", "stop"),
        (2, "!", "stop"),
    ]
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (10, 12)
    assert [request.answers for request in model.requests] == [3, 3]
    texts: dict[int, str] = {0: "", 1: "", 2: ""}
    told: dict[int, bytes] = {0: b"", 1: b"", 2: b""}
    roles: list[int] = []
    ends: list[int] = []
    for chunk in chunks:
        for choice in chunk.choices:
            assert choice.index not in ends
            texts[choice.index] += choice.delta.content or ""
            roles += [choice.index] if choice.delta.role else []
            ends += [choice.index] if choice.finish_reason else []
            for each in choice.logprobs.content if choice.logprobs else ():
                told[choice.index] += bytes(each.bytes)
    assert texts == {0: "네", 1: "안녕하세요", 2: "!"}
    assert told == {index: text.encode() if logprobs else b"" for index, text in texts.items()}
    assert (sorted(roles), ends) == ([0, 1, 2], [0, 1, 2])
    assert chunks[-1].usage.completion_tokens == 12


@pytest.mark.parametrize("n", [0, -1, 5, 1.5, "2", True])
async def test_what_is_no_number_of_answers_is_refused(n: Any) -> None:
    answer = await ask(FakeModel(), n=n)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "n")


async def test_a_foreign_model_gives_one() -> None:
    foreign = FakeModel()
    foreign.lacks = frozenset({"n"})
    async with client_of(service_state(foreign={"gpt4.1": foreign})) as client:
        for number, status in ((1, 200), (2, 400)):
            body = {"model": "gpt4.1", "messages": MESSAGES, "n": number}
            answer = await client.post("/office/v1/chat/completions", json=body)
            assert answer.status_code == status
    assert answer.json()["error"]["param"] == "n"


async def test_a_key_s_share_counts_answers() -> None:
    keys = KeyRing([KeyEntry(name="front", sha256=digest("right"), users=("*",), limit=3)])
    assert (await ask(FakeModel(*SCRIPT), keys, n=3)).status_code == 200
    refused = await ask(FakeModel(*SCRIPT), keys, n=4)
    error = refused.json()["error"]
    assert (refused.status_code, error["param"]) == (400, "n")
    assert "3" in error["message"]
