"""When a provider is left alone, what is remembered, and what is shared; time is a number here."""

import asyncio

import pytest

from chatbot.adapters.search.breaker import FAILURES_TO_OPEN, Breaker
from chatbot.adapters.search.cache import Cache, Flights
from chatbot.domain.search import SearchHit, SearchOutcome, SearchResult

OK = SearchResult(SearchOutcome.OK, "p", (SearchHit("t", "https://a.kr/", "s"),))
EMPTY = SearchResult(SearchOutcome.EMPTY, "p")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fail(breaker: Breaker, outcome: SearchOutcome, retry_after: float | None = None) -> None:
    breaker.begin()
    breaker.failed(outcome, retry_after)


@pytest.mark.parametrize("outcome", [SearchOutcome.TIMEOUT, SearchOutcome.ERROR])
def test_it_opens_after_failures_in_a_row(clock: Clock, outcome: SearchOutcome) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES_TO_OPEN - 1):
        fail(breaker, outcome)
        assert breaker.ready()
    breaker.begin()
    breaker.succeeded()
    for _ in range(FAILURES_TO_OPEN - 1):
        fail(breaker, outcome)
    assert breaker.ready()
    fail(breaker, outcome)
    assert not breaker.ready()
    assert breaker.last_failure is outcome


@pytest.mark.parametrize("outcome", [SearchOutcome.RATE_LIMITED, SearchOutcome.BLOCKED, SearchOutcome.AUTH])
def test_a_refusal_opens_at_once(clock: Clock, outcome: SearchOutcome) -> None:
    breaker = Breaker(clock)
    fail(breaker, outcome)
    assert not breaker.ready()


@pytest.mark.parametrize(("said", "kept"), [(7, 7), (0, 1), (500, 500), (1e9, 86400)])
def test_retry_after_is_honoured_to_the_second(clock: Clock, said: float, kept: float) -> None:
    breaker = Breaker(clock)
    fail(breaker, SearchOutcome.RATE_LIMITED, said)
    clock.now += kept - 0.01
    assert not breaker.ready()
    clock.now += 0.01
    assert breaker.ready()


def test_after_a_pause_one_question_probes_and_the_pause_doubles(clock: Clock) -> None:
    breaker = Breaker(clock)
    fail(breaker, SearchOutcome.RATE_LIMITED)
    clock.now += 60
    assert breaker.ready()
    breaker.begin()
    assert not breaker.ready()
    breaker.abandoned()
    assert breaker.ready()
    fail(breaker, SearchOutcome.TIMEOUT)
    clock.now += 59
    assert not breaker.ready()
    clock.now += 1
    breaker.begin()
    breaker.succeeded()
    assert breaker.ready()
    fail(breaker, SearchOutcome.TIMEOUT)
    assert breaker.ready()


def test_the_pause_has_a_bound(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(50):
        fail(breaker, SearchOutcome.BLOCKED)
        clock.now += 3600
        assert breaker.ready()


def test_the_cache_forgets_by_age_and_number(clock: Clock) -> None:
    cache = Cache(300, clock, entries=2)
    cache.put(("ko", "a"), OK)
    cache.put(("ko", "b"), OK)
    assert cache.get(("ko", "a")) is OK
    assert cache.get(("en", "a")) is None
    cache.put(("ko", "c"), OK)
    assert cache.get(("ko", "b")) is None
    clock.now += 300
    assert cache.get(("ko", "a")) is None


def test_nothing_found_stays_briefly_and_failures_never(clock: Clock) -> None:
    cache = Cache(300, clock)
    cache.put(("ko", "a"), EMPTY)
    assert cache.get(("ko", "a")) is EMPTY
    clock.now += 60
    assert cache.get(("ko", "a")) is None
    for outcome in SearchOutcome:
        if outcome not in (SearchOutcome.OK, SearchOutcome.EMPTY):
            cache.put(("ko", "a"), SearchResult(outcome, "p"))
            assert cache.get(("ko", "a")) is None


def test_no_seconds_no_cache(clock: Clock) -> None:
    cache = Cache(0, clock)
    cache.put(("ko", "a"), OK)
    assert cache.get(("ko", "a")) is None


class SlowSearch:
    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> SearchResult:
        self.begun += 1
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return OK


@pytest.mark.anyio
async def test_equal_questions_share_one_search() -> None:
    flights, search = Flights(), SlowSearch()
    waiting = [asyncio.create_task(flights.join(("ko", "q"), search)) for _ in range(5)]
    other = asyncio.create_task(flights.join(("en", "q"), search))
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    search.may_end.set()
    results = await asyncio.gather(*waiting, other, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [OK] * 5
    assert search.begun == 2
    assert await flights.join(("ko", "q"), search) is OK
    assert search.begun == 3


@pytest.mark.anyio
async def test_a_search_that_nobody_waits_for_ends() -> None:
    flights, search = Flights(), SlowSearch()
    waiting = [asyncio.create_task(flights.join(("ko", "q"), search)) for _ in range(2)]
    late = asyncio.create_task(flights.join(("ko", "q"), search))
    await asyncio.sleep(0.01)
    for task in waiting:
        task.cancel()
    await asyncio.sleep(0.01)
    assert (search.begun, search.cancelled) == (1, 0)
    late.cancel()
    await asyncio.gather(*waiting, late, return_exceptions=True)
    newcomer = asyncio.create_task(flights.join(("ko", "q"), search))
    await asyncio.sleep(0.01)
    assert (search.begun, search.cancelled) == (2, 1)
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await newcomer
    assert search.cancelled == 2
