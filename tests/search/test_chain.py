"""The order, the budget and the hedge of a search, with providers that do as told."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence

import pytest

from chatbot.adapters.search.chain import Chain, query_of
from chatbot.adapters.search.provider import Provider, ProviderFailed, RawHit
from chatbot.adapters.search.race import RaceTiming
from chatbot.domain.language import Language
from chatbot.domain.redaction import redact
from chatbot.domain.search import SearchOutcome

pytestmark = pytest.mark.anyio

PACE = RaceTiming(provider=0.3, hedge=0.1)
BUDGET = 0.6

Step = tuple[float, SearchOutcome | Exception]


class Scripted:
    """Answers its questions in turn: (seconds, outcome); the last one repeats."""

    def __init__(self, name: str, *steps: Step) -> None:
        self.name = name
        self._steps = deque(steps or [(0.0, SearchOutcome.OK)])
        self.asked: list[tuple[str, Language]] = []
        self.cancelled = 0

    async def search(self, query: str, language: Language, limit: int) -> list[RawHit]:
        self.asked.append((query, language))
        seconds, outcome = self._steps.popleft() if len(self._steps) > 1 else self._steps[0]
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(outcome, Exception):
            raise outcome
        if outcome is SearchOutcome.OK:
            return [RawHit(f"{self.name} {n}", f"https://{self.name}.kr/{n}", "글") for n in range(limit)]
        if outcome is SearchOutcome.EMPTY:
            return []
        raise ProviderFailed(outcome, "as told")


class Heard(list[tuple[str, SearchOutcome]]):
    def __call__(self, provider: str, outcome: SearchOutcome) -> None:
        self.append((provider, outcome))


async def _nothing() -> None:
    pass


def chain_of(
    *providers: Scripted,
    heard: Heard | None = None,
    budget: float = BUDGET,
    cache_seconds: float = 0,
    pace: RaceTiming = PACE,
) -> Chain:
    order: dict[Language, Sequence[Provider]] = {"ko": providers, "en": providers[::-1]}
    return Chain(
        order,
        heard if heard is not None else Heard(),
        _nothing,
        budget=budget,
        cache_seconds=cache_seconds,
        redact=lambda text: text.replace("010-1234-5678", "[전화번호]"),
        pace=pace,
    )


async def test_the_first_provider_of_the_language_answers() -> None:
    first, last = Scripted("first"), Scripted("last")
    heard = Heard()
    chain = chain_of(first, last, heard=heard)
    result = await chain.search("서울", "ko", 5)
    assert (result.outcome, result.provider, len(result.hits)) == (SearchOutcome.OK, "first", 5)
    assert result.retrieved_at is not None
    assert (await chain.search("seoul", "en", 5)).provider == "last"
    assert heard == [("first", SearchOutcome.OK), ("last", SearchOutcome.OK)]


@pytest.mark.parametrize(
    "trouble",
    [
        SearchOutcome.EMPTY,
        SearchOutcome.RATE_LIMITED,
        SearchOutcome.BLOCKED,
        SearchOutcome.AUTH,
        SearchOutcome.ERROR,
        ValueError("canary 서울"),
    ],
)
async def test_trouble_sends_the_question_on_at_once(
    trouble: SearchOutcome | Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard = Heard()
    chain = chain_of(
        Scripted("first", (0, trouble)), Scripted("second"), heard=heard, budget=60, pace=RaceTiming(20, 20)
    )
    begun = time.monotonic()
    assert (await chain.search("서울", "ko", 5)).provider == "second"
    assert time.monotonic() - begun < 5
    assert [name for name, _ in heard] == ["first", "second"]
    assert "서울" not in caplog.text
    assert "canary" not in caplog.text


async def test_a_slow_provider_is_hedged_and_the_first_answer_wins() -> None:
    slow, quick, last = Scripted("slow", (60, SearchOutcome.OK)), Scripted("quick"), Scripted("last")
    heard = Heard()
    chain = chain_of(slow, quick, last, heard=heard, budget=60, pace=RaceTiming(provider=20, hedge=0.1))
    begun = time.monotonic()
    result = await chain.search("q", "ko", 5)
    assert result.provider == "quick"
    assert PACE.hedge <= time.monotonic() - begun < 5
    assert (slow.cancelled, last.asked) == (1, [])
    assert ("slow", SearchOutcome.TIMEOUT) in heard


async def test_a_hedged_provider_can_still_win() -> None:
    patient = Scripted("patient", (0.15, SearchOutcome.OK))
    slower = Scripted("slower", (60, SearchOutcome.OK))
    chain = chain_of(patient, slower, budget=60, pace=RaceTiming(provider=20, hedge=0.1))
    assert (await chain.search("q", "ko", 5)).provider == "patient"


async def test_the_last_resort_is_asked_in_time_whatever_the_others_do() -> None:
    hanging = [Scripted(f"hang{n}", (9, SearchOutcome.OK)) for n in range(6)]
    last = Scripted("last")
    result = await chain_of(*hanging, last, budget=4, pace=RaceTiming(2, 0.1)).search("q", "ko", 5)
    assert (result.outcome, result.provider) == (SearchOutcome.OK, "last")
    assert len(hanging[-1].asked) == 0


@pytest.mark.parametrize(("budget", "left"), [(0.2, 60.0), (60.0, 0.2)])
async def test_a_search_never_takes_longer_than_its_budget(budget: float, left: float) -> None:
    hanging = [Scripted(name, (90, SearchOutcome.OK)) for name in ("a", "b")]
    chain = chain_of(*hanging, budget=budget, pace=RaceTiming(provider=60, hedge=0.1))
    async with asyncio.timeout(30):
        result = await chain.search("q", "ko", left)
    assert result.outcome is SearchOutcome.TIMEOUT
    assert result.provider in ("a", "b")
    assert (await chain.search("q2", "ko", 0)).outcome is SearchOutcome.TIMEOUT


async def test_only_unanimous_emptiness_is_empty() -> None:
    empty, limited = (0.0, SearchOutcome.EMPTY), (0.0, SearchOutcome.RATE_LIMITED)
    result = await chain_of(Scripted("a", empty), Scripted("b", empty)).search("q", "ko", 5)
    assert (result.outcome, result.hits) == (SearchOutcome.EMPTY, ())
    result = await chain_of(Scripted("a", limited), Scripted("b", empty)).search("q", "ko", 5)
    assert (result.outcome, result.provider) == (SearchOutcome.RATE_LIMITED, "a")


async def test_every_provider_down_is_told_and_then_nobody_waits() -> None:
    down = [Scripted(name, (0.02, SearchOutcome.BLOCKED)) for name in ("a", "b")]
    chain = chain_of(*down)
    for _ in range(3):
        result = await chain.search("q", "ko", 5)
        assert (result.outcome, result.provider) == (SearchOutcome.BLOCKED, "b")
    assert [len(provider.asked) for provider in down] == [1, 1]


async def test_a_provider_that_is_always_beaten_is_left_alone() -> None:
    slow, quick = Scripted("slow", (9, SearchOutcome.OK)), Scripted("quick")
    chain = chain_of(slow, quick)
    for n in range(5):
        assert (await chain.search(f"q{n}", "ko", 5)).provider == "quick"
    assert len(slow.asked) == 3


async def test_without_providers_the_result_says_so() -> None:
    result = await chain_of().search("q", "ko", 5)
    assert (result.outcome, result.provider) == (SearchOutcome.ERROR, "none")
    assert (await chain_of(Scripted("a")).search(" \n ", "ko", 5)).outcome is SearchOutcome.EMPTY


async def test_equal_questions_are_asked_once_and_remembered() -> None:
    only, heard = Scripted("only", (0.05, SearchOutcome.OK)), Heard()
    chain = chain_of(only, heard=heard, cache_seconds=60)
    results = await asyncio.gather(
        *(chain.search(q, "ko", 5) for q in ("Seoul  인구", "seoul 인구", "ＳＥＯＵＬ 인구"))
    )
    assert len({id(result) for result in results}) == 1
    assert await chain.search("SEOUL 인구 ", "ko", 5) is results[0]
    assert len(only.asked) == 1
    assert heard == [("only", SearchOutcome.OK), ("cache", SearchOutcome.OK)]
    await chain.search("seoul 인구", "en", 5)
    assert len(only.asked) == 2


async def test_personal_data_is_taken_out_before_anything_else() -> None:
    only = Scripted("only")
    await chain_of(only).search("010-1234-5678 누구 번호야", "ko", 5)
    assert only.asked == [("[전화번호] 누구 번호야", "ko")]


async def test_leaving_ends_the_search_and_blames_nobody() -> None:
    slow, heard = Scripted("slow", (9, SearchOutcome.OK)), Heard()
    chain = chain_of(slow, heard=heard, budget=5)
    for n in range(4):
        task = asyncio.create_task(chain.search(f"q{n}", "ko", 5))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await asyncio.sleep(0.01)
    assert (len(slow.asked), slow.cancelled, heard) == (4, 4, [])


async def test_closing_ends_what_is_under_way() -> None:
    slow = Scripted("slow", (9, SearchOutcome.OK))
    chain = chain_of(slow, budget=5)
    task = asyncio.create_task(chain.search("q", "ko", 5))
    await asyncio.sleep(0.01)
    await chain.close()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert slow.cancelled == 1


def redacted(text: str) -> str:
    return redact(text)[0]


@pytest.mark.parametrize("text", ["가나" * 40_000, "ﷺ" * 500, "a" + "\u0301\u0323" * 30_000, "회의 " * 200])
def test_a_query_is_no_longer_than_a_question(text: str) -> None:
    assert 0 < len(query_of(text, redacted)) <= 500


@pytest.mark.parametrize("before", range(480, 620))
def test_no_number_is_cut_out_of_what_would_redact_it(before: int) -> None:
    for number in ("010-1234-5678", "900101-1234567", "4111 1111 1111 1111"):
        text = "가" * (before - 1) + " " + number + " 뒤" * 99
        assert not any(digit in query_of(text, redacted) for digit in "0123456789")
