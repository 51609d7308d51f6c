"""Ports for servers that run as processes of their own, and that may be killed and started again."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def held_ports(count: int) -> Iterator[list[int]]:
    """Ports of 127.0.0.1, all different, that nobody gets by chance before the block ends.

    A port that was free a moment ago may be taken until its server listens, or listens again: by another
    test's server, or as the near end of any connection. Each of these is bound here, without listening. Linux
    then hands it to nobody who asks for any port, while a server that asks for this one with SO_REUSEADDR,
    as ours, mongod and every Go program do, listens beside the holder.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", 0))
        yield [each.getsockname()[1] for each in sockets]
