"""What a request's head must be before anybody acts on it (RFC 9112), where h11 is more generous.

A proxy in front and the application behind must never see two different requests in the same bytes, so
whatever could be read in two ways is refused.
"""

import re
from typing import Any

import h11

_METHODS = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE"})
_TARGET = re.compile(
    rb"(?:https?://(?P<authority>[^/?#]+))?(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?", re.IGNORECASE
)
_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")


class CheckedConnection(h11.Connection):
    """h11's view of a connection; a head that it lets pass and somebody else might not is refused."""

    def __init__(self, head_bytes: int) -> None:
        """``head_bytes`` bounds a head, a chunk's head and trailers."""
        super().__init__(h11.SERVER, head_bytes)
        self._head_bytes = head_bytes
        self.refused_status = 400
        """After a RemoteProtocolError: the status that tells the client what is wrong."""

    def next_event(self) -> Any:
        """See h11; raises RemoteProtocolError."""
        try:
            event = super().next_event()
            return checked(event, self._head_bytes) if isinstance(event, h11.Request) else event
        except h11.RemoteProtocolError as error:
            self.refused_status = error.error_status_hint
            raise


def checked(request: h11.Request, head_bytes: int) -> h11.Request:
    """The request, its target in origin form.

    Raises:
        h11.RemoteProtocolError: with its status: 505 for a version other than 1.0 and 1.1; 405 for CONNECT;
            400 for a method that HTTP does not define, two ways to find the body's end (RFC 9112 §6.1), a
            malformed Host (§3.2), or a target that is neither a path nor an absolute address.
    """
    if request.http_version not in (b"1.1", b"1.0"):
        raise h11.RemoteProtocolError("version", error_status_hint=505)
    if request.method not in _METHODS:
        raise h11.RemoteProtocolError(
            "method", error_status_hint=405 if request.method == b"CONNECT" else 400
        )
    # h11 counts only what is not complete yet.
    if sum(len(name) + len(value) for name, value in request.headers) + len(request.target) > head_bytes:
        raise h11.RemoteProtocolError("size", error_status_hint=431)
    headers = dict(request.headers)
    if b"transfer-encoding" in headers and (b"content-length" in headers or request.http_version == b"1.0"):
        raise h11.RemoteProtocolError("framing")
    if not _HOST.fullmatch(headers.get(b"host", b"")):
        raise h11.RemoteProtocolError("host")
    target = _TARGET.fullmatch(request.target)
    if target is None or (target["authority"] is None and target["path"] is None):
        raise h11.RemoteProtocolError("target")
    if target["authority"] is None:
        return request
    # The target's own authority goes before the Host header (RFC 9112 §3.2.2).
    others = [(name, value) for name, value in request.headers if name != b"host"]
    return h11.Request(
        method=request.method,
        headers=[(b"host", target["authority"]), *others],
        target=(target["path"] or b"/") + (target["query"] or b""),
        http_version=request.http_version,
    )
