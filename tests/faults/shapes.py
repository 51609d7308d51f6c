"""Requests as bytes, odd and honest, and what may be read in them.

A shape is read in one way or refused; never may two ways in read different requests in the same bytes, which
is what request smuggling needs (RFC 9112 §11.2).
"""

from collections.abc import Iterator

from tests.faults.shape import (
    AS_CHUNKS,
    CHUNKED,
    GET,
    LENGTH,
    POST,
    QUESTION,
    SMUGGLED,
    Asked,
    May,
    Shape,
    get,
    head_of,
    post,
)
from tests.faults.shapes_of_bodies import BODIES
from tests.faults.shapes_of_heads import HEADS


def _upgrades() -> Iterator[Shape]:
    for protocol in ("h2c", "websocket", "TLS/1.0", "HTTP/2.0", "h2c, websocket", "anything"):
        offer = ("Connection: Upgrade", f"Upgrade: {protocol}")
        yield Shape(f"upgrade {protocol}", post(LENGTH, *offer) + QUESTION, May.READ, (POST,))
        yield Shape(f"upgrade {protocol} chunked", post(CHUNKED, *offer) + AS_CHUNKS, May.READ, (POST,))
        yield Shape(
            f"upgrade {protocol}, a request as its body",
            post(f"Content-Length: {len(SMUGGLED)}", *offer) + SMUGGLED,
            May.READ,
            (Asked("POST", "/office/Llama", SMUGGLED),),
        )
    curl = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    yield Shape("curl --http2", post(LENGTH, *curl) + QUESTION, May.READ, (POST,))
    yield Shape("upgrade without a body", get("/office/performance", "HTTP/1.1", *curl), May.READ, (GET,))
    yield Shape("upgrade without Connection", post(LENGTH, "Upgrade: h2c") + QUESTION, May.READ, (POST,))
    yield Shape(
        "upgrade and close",
        post(LENGTH, "Connection: Upgrade, close", "Upgrade: h2c") + QUESTION,
        May.READ,
        (POST,),
        closes=True,
    )
    yield Shape(
        "two offers ahead of each other", (post(LENGTH, *curl) + QUESTION) * 2, May.READ, (POST, POST)
    )
    yield Shape("HTTP/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", May.REFUSE)


def _manners() -> Iterator[Shape]:
    yield Shape("two requests ahead", get() + post(LENGTH) + QUESTION, May.READ, (GET, POST))
    yield Shape(
        "close", get("/office/performance", "HTTP/1.1", "Connection: close"), May.READ, (GET,), closes=True
    )
    yield Shape(
        "a request behind a close",
        get("/office/performance", "HTTP/1.1", "Connection: close") + SMUGGLED,
        May.READ,
        (GET,),
        closes=True,
    )
    yield Shape("Expect", post(LENGTH, "Expect: 100-continue") + QUESTION, May.READ, (POST,))
    yield Shape("Expect of something else", post(LENGTH, "Expect: nothing") + QUESTION, May.EITHER, (POST,))
    yield Shape(
        "a body behind a DELETE",
        post(LENGTH, line="DELETE /office/rooms HTTP/1.1") + QUESTION,
        May.READ,
        (Asked("DELETE", "/office/rooms", QUESTION),),
    )
    yield Shape(
        "TRACE",
        head_of("TRACE /office/performance HTTP/1.1", "Host: x"),
        May.EITHER,
        (Asked("TRACE", "/office/performance"),),
    )
    yield Shape(
        "connection named headers", post(LENGTH, "Connection: Content-Length") + QUESTION, May.READ, (POST,)
    )
    for status, path in (
        ("404", "/office/nowhere/at/all"),
        ("422", "/office/rooms"),
        ("405", "/office/Llama"),
    ):
        yield Shape(f"a {status}", get(path), May.READ, (Asked("GET", path),))
    for status, body in (("400", b"{"), ("422", b"{}")):
        yield Shape(
            f"a {status} for its body",
            post(f"Content-Length: {len(body)}") + body,
            May.READ,
            (Asked("POST", "/office/Llama", body),),
        )
    yield Shape(
        "a 415",
        head_of("POST /office/Llama HTTP/1.1", "Host: x", "Content-Type: text/plain", LENGTH) + QUESTION,
        May.READ,
        (POST,),
    )


SHAPES = (*_upgrades(), *BODIES, *HEADS, *_manners())
