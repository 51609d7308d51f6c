"""The pods of one service: where they are, what each has under way, and who is asked first."""

import asyncio
import hashlib
import logging
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

_log = logging.getLogger(__name__)

Address = tuple[str, int]
"""A pod's address and port."""

RESOLVE_SECONDS = 1.0
"""How often the name is resolved: a pod that leaves says so itself, one that comes is found within this."""

BOUND = 1.25
"""The factor by which a pod's requests may exceed the mean of all pods (Mirrokni et al., "Consistent Hashing
with Bounded Loads", 2018)."""

FEW = 4
"""Requests that are no load yet: among so few the mean is chance, and rooms are better off at home."""

STAND_BACK_SECONDS = 5.0
"""How long a pod that took no connection is asked last."""


class Pods:
    """Single-threaded, on the event loop."""

    def __init__(
        self,
        resolve: Callable[[], Awaitable[Collection[Address]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``resolve`` tells the addresses of the pods that are ready now; see ``resolver``."""
        self._resolve = resolve
        self._clock = clock
        self._addresses: frozenset[Address] = frozenset()
        self._under_way: Counter[Address] = Counter()
        self._stands_back: dict[Address, float] = {}

    async def refresh(self) -> None:
        """Learn which pods there are now; where that cannot be learnt, those known before stay."""
        try:
            found = frozenset(await self._resolve())
        except OSError as error:
            _log.warning("pods_not_resolved", extra={"reason": str(error)})
            return
        if found != self._addresses:
            _log.info("pods", extra={"addresses": sorted(f"{host}:{port}" for host, port in found)})
        self._addresses = found
        self._stands_back = {pod: until for pod, until in self._stands_back.items() if pod in found}

    async def watch(self) -> None:
        """Refresh for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(RESOLVE_SECONDS)

    def order(self, key: bytes) -> Sequence[Address]:
        """All pods, the one to ask first in front.

        The order of a key is that of the hashes of key and address (rendezvous hashing; Thaler and
        Ravishankar, 1998): a pod that comes or goes changes the first of its own keys alone. Pods with more
        than their share under way stand behind the others, and last those that took no connection just now.
        """

        def standing(pod: Address) -> tuple[bool, bool, bytes]:
            away = self._stands_back.get(pod, 0.0) > self._clock()
            score = hashlib.blake2b(f"{pod[0]} {pod[1]} ".encode() + key, digest_size=8).digest()
            return away, self._has_its_share(pod), score

        return sorted(self._addresses, key=standing)

    def _has_its_share(self, pod: Address) -> bool:
        mean = sum(self._under_way[each] for each in self._addresses) / len(self._addresses)
        return self._under_way[pod] > max(FEW, BOUND * mean)

    @contextmanager
    def asked(self, pod: Address) -> Iterator[None]:
        """Count a request as under way at the pod for as long as the context lasts."""
        self._under_way[pod] += 1
        try:
            yield
        finally:
            self._under_way[pod] -= 1
            if not self._under_way[pod]:
                del self._under_way[pod]

    def took_no_connection(self, pod: Address) -> None:
        """Ask the pod last for a while."""
        self._stands_back[pod] = self._clock() + STAND_BACK_SECONDS


def resolver(host: str, port: int) -> Callable[[], Awaitable[Collection[Address]]]:
    """A function that tells the addresses behind a name, such as those of a headless Service's ready pods.

    It raises OSError where nobody could say; a name without addresses has none.
    """

    async def resolve() -> Collection[Address]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
                return ()
            raise
        return {(str(address[0]), port) for *_, address in found}

    return resolve
