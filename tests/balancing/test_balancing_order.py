"""Which pod is asked first: the same for the same key, as few others as can be when pods come and go."""

import socket
from collections import Counter
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.balancing.fleet import pods_at

from chatbot.balancing.forwarding import affinity
from chatbot.balancing.pods import FEW, STAND_BACK_SECONDS, Address, Pods, resolver

pytestmark = pytest.mark.anyio

KEYS = [b"room %d" % number for number in range(600)]


def _addresses(count: int) -> list[Address]:
    return [(f"10.0.0.{number}", 8002) for number in range(1, count + 1)]


async def _ready(addresses: Collection[Address]) -> Pods:
    pods = pods_at(addresses)
    await pods.refresh()
    return pods


@given(
    addresses=st.sets(st.tuples(st.ip_addresses().map(str), st.integers(1, 65535)), min_size=1, max_size=6)
)
async def test_every_order_has_every_pod_once(addresses: set[Address]) -> None:
    order = (await _ready(addresses)).order(b"room")
    assert sorted(order) == sorted(addresses)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
async def test_a_pod_that_comes_takes_its_own_share_of_the_keys_and_moves_no_other(count: int) -> None:
    before, after = await _ready(_addresses(count)), await _ready(_addresses(count + 1))
    newcomer = _addresses(count + 1)[-1]
    moved = [key for key in KEYS if before.order(key)[0] != after.order(key)[0]]
    assert {after.order(key)[0] for key in moved} == {newcomer}
    assert len(moved) == pytest.approx(len(KEYS) / (count + 1), rel=0.25)


async def test_the_keys_are_spread_evenly() -> None:
    pods = await _ready(_addresses(3))
    shares = Counter(pods.order(key)[0] for key in KEYS)
    assert max(shares.values()) < 1.25 * len(KEYS) / 3


async def test_a_pod_with_more_than_its_share_stands_behind_the_others() -> None:
    pods = await _ready(_addresses(2))
    home = pods.order(b"room")[0]
    held = [pods.asked(home) for _ in range(FEW + 1)]
    for each in held[:-1]:
        each.__enter__()
    assert pods.order(b"room")[0] == home, "a few are no load"
    held[-1].__enter__()
    assert pods.order(b"room")[-1] == home
    with pods.asked(_addresses(2)[1]), pods.asked(_addresses(2)[0]):
        pass
    for each in held:
        each.__exit__(None, None, None)
    assert pods.order(b"room")[0] == home


async def test_a_load_that_all_share_moves_nobody() -> None:
    pods = await _ready(_addresses(2))
    home = pods.order(b"room")[0]
    for address in _addresses(2):
        for _ in range(50):
            pods.asked(address).__enter__()
    assert pods.order(b"room")[0] == home


async def test_a_pod_that_took_no_connection_is_asked_last_for_a_while() -> None:
    now = [100.0]

    async def resolve() -> Collection[Address]:
        return _addresses(3)

    pods = Pods(resolve, lambda: now[0])
    await pods.refresh()
    home = pods.order(b"room")[0]
    pods.took_no_connection(home)
    assert pods.order(b"room")[-1] == home
    now[0] += STAND_BACK_SECONDS
    assert pods.order(b"room")[0] == home


async def test_pods_that_cannot_be_learnt_stay_those_that_were_known() -> None:
    answers: list[Collection[Address] | OSError] = [
        _addresses(2),
        socket.gaierror(socket.EAI_AGAIN, "later"),
        [],
    ]

    async def resolve() -> Collection[Address]:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    pods = Pods(resolve)
    seen = []
    for _ in range(3):
        await pods.refresh()
        seen.append(len(pods.order(b"")))
    assert seen == [2, 2, 0]


@pytest.mark.parametrize("number", [socket.EAI_NONAME, socket.EAI_NODATA])
async def test_a_name_without_addresses_has_none(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ("127.0.0.1", 8002) in await resolver("localhost", 8002)()

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "nothing there")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert await resolver("no-pods", 8002)() == ()


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"x-affinity": "r", "authorization": "Bearer k", "x-forwarded-for": "1.2.3.4"}, b"r"),
        ({"x-affinity": "", "authorization": "Bearer k"}, b"Bearer k"),
        ({"x-forwarded-for": "1.2.3.4"}, b"1.2.3.4"),
        ({}, b""),
    ],
)
def test_whose_a_request_is(headers: dict[str, str], key: bytes) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert affinity({"type": "http", "headers": raw}) == key
