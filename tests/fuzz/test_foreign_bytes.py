"""Files and answers of strangers, cut, changed and made up: only the documented failure comes of them."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.history.makers import make_room, make_turn
from tests.openai.upstream import chunk, config_for, events, final, generated, opened, stream
from tests.search.local_server import running
from tests.support.gguf_factory import Plan, write_model

from chatbot.adapters.gguf_facts import NotAModel, read_facts
from chatbot.adapters.history.kept_files import Entry, decode, encode
from chatbot.adapters.history.records import storable
from chatbot.adapters.search.brave import Brave
from chatbot.adapters.search.fetcher import FetchedReply, Fetcher, reply_of
from chatbot.adapters.search.google import Google
from chatbot.adapters.search.kakao import Kakao
from chatbot.adapters.search.naver import Naver
from chatbot.adapters.search.provider import Provider, ProviderFailed
from chatbot.adapters.search.sanitise import sanitise
from chatbot.adapters.search.searxng import SearXNG
from chatbot.adapters.search.tavily import Tavily
from chatbot.adapters.search.wikipedia import Wikipedia
from chatbot.domain.errors import ChatbotError
from chatbot.domain.models import ChatModel
from chatbot.llm.openai import trouble


@st.composite
def damaged(draw: st.DrawFn, whole: bytes, reach: int) -> bytes:
    """The bytes with some of the first ``reach`` changed, removed or put in, and perhaps cut off."""
    found = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, min(reach, len(found))))
        new = draw(st.binary(max_size=9))
        found[place : place + draw(st.integers(0, 9))] = new
    return bytes(found[: draw(st.integers(0, min(reach, len(found))))] if draw(st.booleans()) else found)


@cache
def model_bytes() -> bytes:
    with TemporaryDirectory() as folder:
        return write_model(Path(folder) / "model.gguf", Plan()).read_bytes()


HEADER_BYTES = 4096


@given(st.data())
def test_a_model_s_header(data: st.DataObject) -> None:
    file = data.draw(damaged(model_bytes(), HEADER_BYTES))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        path.write_bytes(file)
        try:
            facts = read_facts(path)
        except NotAModel:
            return
    assert len(facts.kv_heads) <= 100_000


TURN = storable(make_turn(make_room(), "질문\n\u2028", minutes=1))


@given(damaged(encode(TURN), 10_000) | st.binary(max_size=300))
def test_a_kept_turn(file: bytes) -> None:
    assert decode(file) in (None, TURN)


NAMES = st.text(max_size=120) | st.from_regex(
    r"[a-f0-9]{24}\.\{?[a-f0-9-]{32,36}\}?\.[ +0-9_٣]{1,9}\.[a-f0-9-]{32,36}\.(turn|done|gone|aside|tmp)",
    fullmatch=True,
)


@given(NAMES)
def test_a_name_in_the_spool_folder_is_our_own_or_none(name: str) -> None:
    entry = Entry.parse(name)
    assert entry is None or entry.name == name


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.just("https://a.kr/x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
ITEM_KEYS = ("title", "url", "link", "content", "contents", "description", "snippet", "index", "fullurl")
BODY_KEYS = ("results", "documents", "items", "web", "query", "error", "code", "errorCode", "type")
ITEMS = JSON | st.lists(JSON | st.dictionaries(st.sampled_from(ITEM_KEYS), JSON), max_size=4)
BODIES = st.dictionaries(
    st.sampled_from([*BODY_KEYS, "unresponsive_engines"]),
    ITEMS | st.dictionaries(st.sampled_from(["results", "pages", "code"]), ITEMS),
)
FAR = "Wed, 21 Oct 99999999999 07:28:00 GMT"
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"]),
    st.sampled_from(["0", "1, 0", "0,0", "9" * 400, "²", "", FAR, "-1", "x,0"]),
)


class Told(Fetcher):
    """Answers what a test says."""

    def __init__(self, reply: FetchedReply) -> None:
        self._reply = reply

    async def ask(self, *_: Any, **__: Any) -> FetchedReply:
        return self._reply


def providers(fetcher: Fetcher) -> list[Provider]:
    key = SecretStr("k")
    return [
        Naver(fetcher, key, key),
        Kakao(fetcher, key),
        SearXNG(fetcher, "https://s.kr"),
        Tavily(fetcher, key),
        Brave(fetcher, key),
        Google(fetcher, key, "cx"),
        Wikipedia(fetcher),
    ]


@given(st.integers(0, 6), st.sampled_from([200, 200, 400, 422, 429, 432, 500]), HEADERS, BODIES)
def test_a_search_answer(
    which: int, status: int, headers: Mapping[str, str], body: dict[str, object]
) -> None:
    provider = providers(Told(FetchedReply(status, headers, body)))[which]
    try:
        raw, wait = asyncio.run(provider.search("질문", "ko", 5)), None
    except ProviderFailed as failure:
        raw, wait = [], failure.retry_after
    assert wait is None or 0 <= wait <= 86_400
    assert len(sanitise(raw, 5)) <= 5


@given(st.binary(max_size=300) | BODIES.map(lambda body: json.dumps(body).encode()) | st.just(b"[" * 100_000))
def test_a_search_answer_s_bytes(content: bytes) -> None:
    try:
        body: object = reply_of(httpx.Response(200), content).body
    except ProviderFailed:
        body = {}
    assert isinstance(body, dict)


EVENTS = b"".join(events(chunk("한글"), chunk("🙂"), *final()))


@pytest.fixture
def no_second_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "ATTEMPTS", 1)


FIELDS = st.fixed_dictionaries({}, optional={
    "choices": JSON | st.lists(st.fixed_dictionaries({}, optional={"delta": JSON, "finish_reason": JSON})),
    "usage": JSON | st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), JSON),
    "error": JSON,
})  # fmt: skip
STREAMS = (
    damaged(EVENTS, 2000)
    | st.binary(max_size=200)
    | st.lists(FIELDS, max_size=4).map(lambda many: b"".join(events(*many)))
)


@pytest.mark.usefixtures("no_second_try")
def test_an_upstream_s_stream() -> None:
    sent = b""

    async def asked(stack: AsyncExitStack) -> ChatModel:
        server = await stack.enter_async_context(running(lambda _: stream([sent])))
        return (await stack.enter_async_context(opened(config_for(server))))["gpt"]

    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        model = runner.run(asked(stack))

        @given(STREAMS)
        def check(answer: bytes) -> None:
            nonlocal sent
            sent = answer
            try:
                seen = runner.run(generated(model))
            except ChatbotError:
                return
            assert seen

        check()
        runner.run(stack.aclose())
