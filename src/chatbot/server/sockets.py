"""Addresses that a process listens on, and how many connections it may have."""

import errno
import resource
import socket
from dataclasses import replace

from chatbot.domain.errors import StartupError
from chatbot.server.limits import HttpLimits

_OTHER_FILES = 256
"""Open files that are no client's: libraries, model, database, searches, foreign servers."""


def listen(host: str, port: int, variable: str) -> socket.socket:
    """Listen before anything is loaded: a taken port is one sentence at once, early clients wait a moment."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        # Two sockets may be bound to one port as long as neither listens.
        bound.listen()
    except OSError as error:
        bound.close()
        hint = (
            f"end what uses it, or set {variable}" if error.errno == errno.EADDRINUSE else "set CHATBOT_HOST"
        )
        if error.errno == errno.EACCES:
            hint = f"set {variable} to a port above 1023"
        raise StartupError(f"cannot listen on {host}:{port} ({error.strerror}): {hint}") from None
    return bound


def limits_of(listeners: int) -> HttpLimits:
    """The limits of each of so many listeners, so that together they leave files to the rest of the process.

    What a process may have open is commonly 1,024 and may be raised by itself to many more.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    limits = HttpLimits()
    if most == resource.RLIM_INFINITY:
        return limits
    share = max(2 * limits.reserved, (most - _OTHER_FILES) // listeners)
    return replace(limits, connections=min(limits.connections, share))
