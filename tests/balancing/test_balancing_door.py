"""Pods that are full, that leave and that are gone: no question is refused while another pod can begin it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.balancing.fleet import Fleet, fleet
from tests.support.door_model import DoorModel
from tests.support.raw_http import raw_connection

from chatbot.api import few_at_once
from chatbot.balancing import balancer
from chatbot.domain.telemetry import Outcome

pytestmark = pytest.mark.anyio


def _three(**limits: int) -> tuple[DoorModel, ...]:
    return tuple(DoorModel(name, **limits) for name in "abc")


def _counted(fleet: Fleet) -> tuple[list[Outcome], int]:
    """How all questions ended in all pods, and how often one was passed on."""
    meters = fleet.meters.values()
    return [outcome for meter in meters for outcome in meter.outcomes], sum(m.left_to_others for m in meters)


async def test_whoever_would_wait_is_answered_by_a_pod_that_is_free() -> None:
    async with fleet(*_three()) as three:
        home, second, third = three.order("room")
        waiting = [await three.asked(f"q{number}", "room") for number in range(3)]
        three.let_all_go()
        answers = [(await each).json() for each in waiting]
        assert answers == [home.name, second.name, third.name]
        assert _counted(three) == ([Outcome.SUCCESSFUL] * 3, 3)


async def test_all_full_the_first_pod_queues_and_then_refuses_with_its_promise() -> None:
    async with fleet(*_three()) as three:
        home, *others = three.order("room")
        under_way = [await three.asked(f"q{number}", "room") for number in range(3)]
        queued = await three.asked("q3", "room")
        assert "q3" in home.asked
        refused = await three.ask("q4", "room")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert (home.promises, [other.promises for other in others]) == (1, [0, 0])
        three.let_all_go()
        assert [(await each).status_code for each in (*under_way, queued)] == [200] * 4
        outcomes, _ = _counted(three)
        assert sorted(outcomes) == [Outcome.REFUSED, *[Outcome.SUCCESSFUL] * 4]


@pytest.mark.parametrize("declared", [False, True])
async def test_few_large_bodies_are_held_at_a_time_and_small_ones_beside_them(
    declared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balancer, "_MOST_LARGE", 1)
    monkeypatch.setattr(few_at_once, "_WAIT_SECONDS", 0.2)
    large = b'{"input_data": "large", "x": "' + b"a" * 65_536 + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        yield large

    async with fleet(*_three()) as three:

        async def ask() -> httpx.Response:
            content = large if declared else pieces()
            headers = {"Content-Type": "application/json"}
            return await three.client.post("/office/v1/chat/completions", content=content, headers=headers)

        held = asyncio.Event()

        async def pass_on(*_: object) -> bool:
            held.set()
            await asyncio.sleep(60)
            return True

        with monkeypatch.context() as patched:
            patched.setattr(balancer, "_pass_on", pass_on)
            first = asyncio.create_task(ask())
            await held.wait()
        refused = await ask()
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        small = await three.asked("q", "room")
        three.let_all_go()
        assert (await small).status_code == 200
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        async with asyncio.timeout(5):
            while (await ask()).status_code == 503:
                await asyncio.sleep(0.05)


async def test_who_is_served_elsewhere_leaves_no_promise_behind() -> None:
    async with fleet(*_three()) as three:
        home = three.order("room")[0]
        under_way = [await three.asked(f"q{number}", "room") for number in range(3)]
        assert home.promises == 0
        three.let_all_go()
        await asyncio.gather(*under_way)
        for state, model in zip(three.states.values(), three.models.values(), strict=True):
            assert model.promises == 0
            assert model.scheduler.places() == 0
            summary = state.chat.statistics.summary()
            assert (summary["total_requests"], summary["active_requests"]) == (1, 0)


async def test_a_users_own_limit_is_not_asked_elsewhere() -> None:
    async with fleet(*_three(sequences=4, per_caller=1)) as three:
        first = asyncio.create_task(three.ask("q0", "room", user="one"))
        while not three.order("room")[0].asked:
            await asyncio.sleep(0.01)
        refused = await three.ask("q1", "room", user="one")
        assert refused.status_code == 429
        assert [len(model.asked) for model in three.order("room")] == [1, 0, 0]
        three.let_all_go()
        assert (await first).status_code == 200
        assert _counted(three)[1] == 0


async def test_a_pod_that_leaves_finishes_and_newcomers_go_to_the_others() -> None:
    async with fleet(*_three(sequences=4)) as three:
        home, second, _ = three.order("room")
        under_way = await three.asked("q0", "room")
        draining = asyncio.create_task(three.states[three.address(home)].chat.drain())
        await asyncio.sleep(0.05)
        newcomers = [await three.asked(f"q{number}", "room") for number in range(1, 4)]
        assert second.asked == ["q1", "q2", "q3"]
        three.let_all_go()
        assert (await under_way).json() == home.name
        assert [(await each).json() for each in newcomers] == [second.name] * 3
        await asyncio.wait_for(draining, 5)
        outcomes, _ = _counted(three)
        assert outcomes == [Outcome.SUCCESSFUL] * 4


async def test_a_pod_that_leaves_is_not_where_a_question_waits() -> None:
    async with fleet(*_three()) as three:
        home, second, third = three.order("room")
        three.states[three.address(home)].chat.draining = True
        under_way = [await three.asked(f"q{number}", "room") for number in range(2)]
        queued = await three.asked("q2", "room")
        assert (home.asked, second.asked, third.asked) == ([], ["q0", "q2"], ["q1"])
        three.let_all_go()
        assert [(await each).status_code for each in (*under_way, queued)] == [200] * 3


async def test_an_address_that_takes_no_connection_costs_nobody_an_answer() -> None:
    async with fleet(*_three(sequences=8)) as three:
        gone = ("127.0.0.1", 1)
        three.pods._addresses |= {gone}
        three.let_all_go()
        for number in range(20):
            assert (await three.ask(f"q{number}", f"room {number}")).status_code == 200
        # It is asked last for a while.
        assert all(three.pods.order(b"%d" % number)[-1] == gone for number in range(20))


@pytest.mark.parametrize("leaving", [False, True], ids=["no pod", "all leaving"])
async def test_without_any_pod_nginx_is_told_to_show_its_outage_page(leaving: bool) -> None:
    async with fleet(*_three()) as three:
        for state in three.states.values():
            state.chat.draining = leaving
        if not leaving:
            three.pods._addresses = frozenset()
        answer = await three.ask("q", "room")
        assert answer.status_code == 503
        assert answer.headers["X-Accel-Redirect"] == "@outage"
        assert answer.headers["Retry-After"] == "5"
        assert _counted(three)[0] == []


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_a_client_that_leaves_is_noticed_by_its_pod_within_a_second(stream: bool) -> None:
    async with fleet(*_three()) as three:
        accept = {"Accept": "text/event-stream"} if stream else {}
        body = {"input_data": "q", "user_id": "u"}
        asking = asyncio.create_task(
            three.client.post("/office/Llama", json=body, headers={"X-Affinity": "room", **accept})
        )
        home = three.order("room")[0]
        while not home.asked:
            await asyncio.sleep(0.01)
        asking.cancel()
        statistics = three.states[three.address(home)].chat.statistics
        await asyncio.wait_for(statistics.until_idle(), 1)
        assert _counted(three) == ([Outcome.CANCELLED], 0)


async def test_without_a_balancer_the_header_says_nothing_but_what_it_says() -> None:
    """A stranger who sends it is told at once instead of waiting; who sends nonsense is treated as usual."""
    async with fleet(DoorModel("a")) as one:
        under_way = await one.asked("q0", "room")
        (address,) = one.models
        async with httpx.AsyncClient(base_url=f"http://{address[0]}:{address[1]}") as direct:
            body = {"input_data": "q1", "user_id": "other"}
            refused = await direct.post("/office/Llama", json=body, headers={"X-Admission": "now"})
            assert (refused.status_code, refused.headers["X-Ask-Elsewhere"]) == (503, "1")
            waits = asyncio.create_task(
                direct.post("/office/Llama", json=body, headers={"X-Admission": "NOW!"}, timeout=20)
            )
            while "q1" not in one.models[address].asked:
                await asyncio.sleep(0.01)
            one.let_all_go()
            assert (await waits).status_code == (await under_way).status_code == 200


async def test_a_body_beyond_the_limit_is_refused_before_any_pod_is_asked() -> None:
    async with fleet(DoorModel("a")) as one, raw_connection(one.url) as client:
        await client.send(
            b"POST /office/Llama HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n", b"x" * 3_000_000
        )
        assert (await client.rest()).startswith(b"HTTP/1.1 413 ")


async def test_services_that_are_not_balanced_are_not_answered() -> None:
    async with fleet(DoorModel("a")) as one:
        assert (await one.client.get("/character/performance")).status_code == 404
        assert (await one.client.get("/metrics")).status_code == 404
        assert (await one.client.get("/healthz")).status_code == 204
        assert (await one.client.get("/office/performance")).json()["total_requests"] == 0
