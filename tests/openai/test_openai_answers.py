"""A good answer: what is sent upstream, and what comes back as events."""

import asyncio
import json
import threading
from collections import Counter
from typing import Any

import pytest
from tests.openai.upstream import (
    CONVERSATION,
    KEY,
    USAGE,
    answer,
    chunk,
    config_for,
    events,
    final,
    finished_of,
    generated,
    opened,
    report_of,
    stream,
    text_of,
)
from tests.search.local_server import running

from chatbot.domain.config import OpenAIAlias
from chatbot.domain.control_tokens import defused
from chatbot.domain.forms import Form, FormKind
from chatbot.domain.messages import FinishReason, Sampling, Token, Usage
from chatbot.llm.openai import model
from chatbot.llm.stops import StopFilter

pytestmark = pytest.mark.anyio


async def test_the_answer_streams_and_ends_with_its_usage() -> None:
    async with (
        running(lambda _: answer("약 ", "940만", " 명입니다.")) as server,
        opened(config_for(server)) as models,
    ):
        seen = await generated(models["gpt"])
    assert [event.text for event in seen if isinstance(event, Token)] == ["약 ", "940만", " 명입니다."]
    done = finished_of(seen)
    assert (done.reason, done.usage) == (FinishReason.STOP, Usage(prompt=30, cached=10, completion=4))
    assert done.queue == 0
    assert done.prefill > 0
    assert done.decode >= 0
    assert report_of(seen).kept_turns == (1, 2)
    (sent,) = server.requests
    assert sent.path == "/v1/chat/completions"
    assert sent.headers["authorization"] == f"Bearer {KEY}"


async def test_the_same_conversation_is_sent_as_messages() -> None:
    async with running(lambda _: answer("예")) as server, opened(config_for(server)) as models:
        await generated(models["gpt"])
    assert [(message["role"], message["content"]) for message in server.requests[0].json["messages"]] == [
        ("system", "규칙을 지킨다.\n\n배경"),
        ("assistant", "안녕하세요!"),
        ("user", "첫 질문"),
        ("assistant", "첫 답"),
        ("user", "둘째 질문"),
        ("assistant", "둘째 답"),
        ("user", "[자료]\n\n서울의 인구는?"),
    ]


async def test_each_alias_sends_the_parameters_that_its_model_takes() -> None:
    old = OpenAIAlias(model="gpt-4.1")
    new = OpenAIAlias(
        model="gpt-6",
        token_parameter="max_completion_tokens",
        sampling=False,
        extra={"reasoning_effort": "low", "verbosity": "low"},
    )
    sampling = Sampling(temperature=0.2, top_p=0.9, max_tokens=300, stop=("A", "B", "C", "D", "E"), seed=7)
    async with (
        running(lambda _: answer("예")) as server,
        opened(config_for(server, old=old, new=new)) as models,
    ):
        assert (models["old"].name, models["new"].name) == ("gpt-4.1", "gpt-6")
        for alias in ("old", "new"):
            await generated(models[alias], sampling=sampling)
    plain, reasoning = (request.json for request in server.requests)
    for body in (plain, reasoning):
        assert body.pop("messages")
        assert body.pop("stream") is True
        assert body.pop("stream_options") == {"include_usage": True}
    assert plain == {
        "model": "gpt-4.1",
        "max_tokens": 300,
        "temperature": 0.2,
        "top_p": 0.9,
        "stop": ["A", "B", "C", "D"],
        "seed": 7,
    }
    assert reasoning == {
        "model": "gpt-6",
        "max_completion_tokens": 300,
        "reasoning_effort": "low",
        "verbosity": "low",
    }


async def test_the_answer_is_clipped_to_what_the_context_leaves() -> None:
    small = OpenAIAlias(model="m", context_tokens=1024)
    async with running(lambda _: answer("예")) as server, opened(config_for(server, small=small)) as models:
        seen = await generated(models["small"], sampling=Sampling(max_tokens=9999))
    report = report_of(seen)
    assert server.requests[0].json["max_tokens"] == 1024 - sum(report.tokens.values())


async def test_personal_data_does_not_leave() -> None:
    def redact(text: str) -> str:
        return text.replace("질문", "[가림]").replace("배경", "[가림]").replace("안녕", "[가림]")

    async with running(lambda _: answer("예")) as server, opened(config_for(server), redact) as models:
        await generated(models["gpt"])
    body = server.requests[0].body.decode()
    assert body.count("[가림]") == 4
    assert not any(word in body for word in ("질문", "배경", "안녕"))


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("eos", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
    ],
)
async def test_reasons(finish: str, reason: FinishReason) -> None:
    async with running(lambda _: answer("글", finish=finish)) as server, opened(config_for(server)) as models:
        assert finished_of(await generated(models["gpt"])).reason is reason


async def test_a_refusal_is_what_the_model_says() -> None:
    refusal = chunk()
    refusal["choices"][0]["delta"] = {"content": None, "refusal": "도와드릴 수 없습니다."}
    async with (
        running(lambda _: stream(events(refusal, *final()))) as server,
        opened(config_for(server)) as models,
    ):
        assert text_of(await generated(models["gpt"])) == "도와드릴 수 없습니다."


@pytest.mark.parametrize("parts", [[chunk("예"), final()[1]], [chunk("예"), chunk(finish="stop")]])
async def test_a_server_without_reason_or_without_usage_is_understood(parts: list[dict[str, Any]]) -> None:
    async with running(lambda _: stream(events(*parts))) as server, opened(config_for(server)) as models:
        done = finished_of(await generated(models["gpt"]))
    assert done.reason is FinishReason.STOP
    assert done.usage.completion > 0
    assert done.usage.prompt > 0


async def test_stop_strings_end_the_answer_even_across_pieces_and_close_upstream() -> None:
    parts = events(*(chunk(text) for text in ("하나 <", "e", "n", "x> 둘 <en", "d> 셋")), done=False)
    async with (
        running(lambda _: stream([*parts, *events(chunk("넷")) * 50], 0.01)) as server,
        opened(config_for(server)) as models,
    ):
        seen = await generated(models["gpt"], sampling=Sampling(stop=("<end>",)))
        await server.client_left.wait()
    assert text_of(seen) == "하나 <enx> 둘 "
    done = finished_of(seen)
    assert done.reason is FinishReason.STOP
    assert done.usage.completion > 0


async def test_what_looks_like_a_stop_string_at_the_end_is_text() -> None:
    async with running(lambda _: answer("끝 <en")) as server, opened(config_for(server)) as models:
        seen = await generated(models["gpt"], sampling=Sampling(stop=("<end>",)))
    assert text_of(seen) == "끝 <en"


async def test_text_in_odd_pieces_stays_whole() -> None:
    whole = b"".join(events(*(chunk(text) for text in ("한글", "🙂", "끝")), *final()))
    pieces = [whole[at : at + 7] for at in range(0, len(whole), 7)]
    async with (
        running(lambda _: stream([b": keep-alive\n\n", *pieces])) as server,
        opened(config_for(server)) as models,
    ):
        assert text_of(await generated(models["gpt"])) == "한글🙂끝"


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (("a\ud83d", "\ude00b"), "a😀b"),
        (("a\ud83d", "", "\ude00"), "a😀"),
        (("a\ud83d", "b"), "a\ufffdb"),
        (("\ude00a\ud83d\ud83d", "\ude00"), "\ufffda\ufffd😀"),
        (("끝\ud83d",), "끝\ufffd"),
        (("a\x00b", "\x00"), "ab"),
        (("\ud83d", "\x00", "\ude00"), "\ufffd\ufffd"),
    ],
)
async def test_text_is_well_formed_wherever_upstream_cuts_it(pieces: tuple[str, ...], text: str) -> None:
    parts = [json.dumps(chunk(piece)).encode() for piece in pieces]
    lines = [b"data: " + part + b"\n\n" for part in parts]
    async with (
        running(lambda _: stream([*lines, *events(*final())])) as server,
        opened(config_for(server)) as models,
    ):
        assert text_of(await generated(models["gpt"])) == text


@pytest.mark.parametrize("after", ["stopped\ud83d", "\ud83d"])
async def test_half_a_character_behind_a_stop_string_is_not_shown(after: str) -> None:
    line = b"data: " + json.dumps(chunk(f"예<end>{after}")).encode() + b"\n\n"
    async with running(lambda _: stream([line])) as server, opened(config_for(server)) as models:
        assert text_of(await generated(models["gpt"], sampling=Sampling(stop=("<end>",)))) == "예"


async def test_one_huge_piece_lets_others_work_and_ends_where_tokens_would(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fed = Counter[int]()
    turns = 0

    class Noting(StopFilter):
        def feed(self, text: str) -> str:
            fed[turns] += len(text)
            return super().feed(text)

    async def beat() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(model, "StopFilter", Noting)
    stops = tuple("a" * 60 + str(number) for number in range(16))
    async with (
        running(lambda _: answer("a" * 200_000, "b" * 200_000)) as server,
        opened(config_for(server)) as models,
    ):
        beating = asyncio.create_task(beat())
        seen = await generated(models["gpt"], sampling=Sampling(max_tokens=1000, stop=stops))
        beating.cancel()
    assert max(fed.values()) <= 2048
    most = model.CHARS_OF_A_TOKEN * 1000
    assert text_of(seen) == "a" * most
    assert finished_of(seen).reason is FinishReason.LENGTH


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": 4},
        {"prompt_tokens": 30, "completion_tokens": -4},
        {"prompt_tokens": 10**400, "completion_tokens": 4},
        {"prompt_tokens": 1.5, "completion_tokens": 4},
        {"prompt_tokens": "30", "completion_tokens": "4"},
        {"prompt_tokens": None},
        "30",
        [30, 4],
        7,
    ],
)
async def test_counts_that_cannot_be_are_estimated_instead(usage: Any) -> None:
    parts = events(chunk("예"), chunk(finish="stop"), {**chunk(), "choices": [], "usage": usage})
    async with running(lambda _: stream(parts)) as server, opened(config_for(server)) as models:
        told = finished_of(await generated(models["gpt"])).usage
    assert 0 < told.prompt < 1000
    assert (told.cached, told.completion) == (0, 1)


@pytest.mark.parametrize("cached", [-1, 31, 10**400, [10]])
async def test_a_cached_part_that_cannot_be_counts_as_none(cached: Any) -> None:
    usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": cached}}
    parts = events(chunk("예"), chunk(finish="stop"), {**chunk(), "choices": [], "usage": usage})
    async with running(lambda _: stream(parts)) as server, opened(config_for(server)) as models:
        assert finished_of(await generated(models["gpt"])).usage == Usage(30, 0, 4)


async def test_the_rate_counts_finished_answers() -> None:
    async with running(lambda _: answer("예")) as server, opened(config_for(server)) as models:
        assert models["gpt"].status().tokens_per_second == 0
        await generated(models["gpt"], CONVERSATION)
        assert models["gpt"].status().tokens_per_second == 0.4


async def test_texts_are_read_beside_the_loop() -> None:
    readers = set[int]()

    def redact(text: str) -> str:
        readers.add(threading.get_ident())
        return text

    form = Form(FormKind.JSON_SCHEMA, '{"enum": ["가"]}', "response_format")
    async with running(lambda _: answer("{}")) as server, opened(config_for(server), redact) as models:
        await generated(models["gpt"], sampling=Sampling(form=form))
    assert readers
    assert threading.get_ident() not in readers


async def test_a_form_of_json_is_passed_on_and_redacted() -> None:
    schema = {"type": "object", "properties": {"who": {"enum": ["kim@example.com <|eot_id|>", 3, None]}}}
    forms = [
        Form(FormKind.JSON_OBJECT),
        Form(FormKind.JSON_SCHEMA, json.dumps(schema), "response_format", strict=True),
    ]

    def redact(text: str) -> str:
        return text.replace("kim@example.com", "[mail]")

    async with running(lambda _: answer("{}")) as server, opened(config_for(server), redact) as models:
        for form in forms:
            await generated(models["gpt"], sampling=Sampling(form=form))
        lacks = models["gpt"].lacks
    first, second = (request.json["response_format"] for request in server.requests)
    assert first == {"type": "json_object"}
    assert second["type"] == "json_schema"
    assert (second["json_schema"]["name"], second["json_schema"]["strict"]) == ("answer", True)
    who = second["json_schema"]["schema"]["properties"]["who"]["enum"]
    assert who == ["[mail] " + defused("<|eot_id|>"), 3, None]
    assert {FormKind.GRAMMAR, FormKind.REGEX, FormKind.CALL} <= lacks
