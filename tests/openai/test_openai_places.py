"""Places: bounds, shares, and that whoever leaves frees upstream at once."""

import asyncio
from collections.abc import Callable

import pytest
from pydantic import SecretStr
from tests.openai.upstream import (
    CONVERSATION,
    answer,
    chunk,
    config_for,
    events,
    first_token,
    generated,
    opened,
    request,
    stream,
)
from tests.search.local_server import Request, Response, running

from chatbot.domain.config import OpenAIAlias, OpenAIConfig
from chatbot.domain.errors import Overloaded, PromptTooLong
from chatbot.domain.messages import Conversation, PromptPart, Sampling, Token
from chatbot.domain.service_names import ServiceName
from chatbot.llm.openai.concurrency_limit import ConcurrencyLimit

pytestmark = pytest.mark.anyio


def slow_answer() -> Response:
    return stream(events(*[chunk("가")] * 1000), pause=0.02)


async def test_closing_the_iterator_closes_the_connection_within_a_second() -> None:
    async with running(lambda _: slow_answer()) as server, opened(config_for(server)) as models:
        place = models["gpt"].reserve(request())
        generation = place.generate(CONVERSATION, Sampling())
        assert await first_token(generation) == Token("가")
        await generation.aclose()
        await asyncio.wait_for(server.client_left.wait(), 1)


@pytest.mark.parametrize("make", [slow_answer, lambda: Response(delay=30)])
async def test_cancelling_the_task_closes_the_connection_within_a_second(
    make: Callable[[], Response],
) -> None:
    asked = asyncio.Event()

    def handler(_: Request) -> Response:
        asked.set()
        return make()

    async with running(handler) as server, opened(config_for(server)) as models:
        task = asyncio.create_task(generated(models["gpt"]))
        await asked.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.client_left.wait(), 1)


async def test_every_end_frees_the_place() -> None:
    one = OpenAIAlias(model="m", context_tokens=1024)
    async with running(lambda _: answer("예")) as server:
        config = config_for(server, one=one).model_copy(update={"max_concurrent": 1})
        async with opened(config) as models:
            model = models["one"]
            model.reserve(request()).release()
            unused = model.reserve(request())
            with pytest.raises(Overloaded):
                model.reserve(request("lee"))
            unused.release()
            unused.release()
            await generated(model)
            with pytest.raises(PromptTooLong):
                await generated(model, Conversation(system=(PromptPart("rules", "가" * 2000),), question="?"))
            never_begun = model.reserve(request())
            never_begun.generate(CONVERSATION, Sampling())
            never_begun.release()
            await generated(model)


async def test_a_place_waits_until_its_request_goes_out() -> None:
    profile = OpenAIAlias(model="gpt-4.1")
    async with (
        running(lambda _: slow_answer()) as server,
        opened(config_for(server, gpt=profile, same=profile)) as models,
    ):
        place = models["gpt"].reserve(request())
        assert models["gpt"].queue_size(ServiceName("office")) == 1
        assert models["gpt"].queue_size(ServiceName("character")) == 0
        assert models["same"].queue_size(ServiceName("office")) == 0
        generation = place.generate(CONVERSATION, Sampling())
        await anext(generation)
        assert models["gpt"].queue_size(ServiceName("office")) == 0
        await generation.aclose()
        place.release()
        assert models["gpt"].queue_size(ServiceName("office")) == 0


def test_a_caller_holds_at_most_a_quarter() -> None:
    door = ConcurrencyLimit(8)
    for _ in range(2):
        door.enter("kim", ServiceName("office"))
    with pytest.raises(Overloaded) as caught:
        door.enter("kim", ServiceName("character"))
    assert caught.value.retry_after >= 1
    door.enter("lee", ServiceName("office"))
    door.leave("kim", 1.0)
    door.enter("kim", ServiceName("office"))


def test_the_wait_is_told_from_measured_lengths() -> None:
    def refusal(seconds: float) -> int:
        door = ConcurrencyLimit(1)
        for _ in range(40):
            door.enter("kim", ServiceName("office"))
            door.begin(ServiceName("office"))
            door.leave("kim", seconds)
        door.enter("kim", ServiceName("office"))
        with pytest.raises(Overloaded) as caught:
            door.enter("lee", ServiceName("office"))
        return caught.value.retry_after

    assert refusal(30.0) == 30
    assert refusal(2.5) == 3


async def test_all_aliases_share_the_places() -> None:
    profiles = {name: OpenAIAlias(model=name) for name in ("a", "b")}
    config = OpenAIConfig(api_key=SecretStr("k"), aliases=profiles, max_concurrent=1)
    async with opened(config) as models:
        models["a"].reserve(request("kim"))
        with pytest.raises(Overloaded):
            models["b"].reserve(request("lee"))
