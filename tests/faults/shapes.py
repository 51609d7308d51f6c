"""Requests as bytes, odd and honest, and what may be read in them.

A shape is read in one way or refused; never may two ways in read different requests in the same bytes, which
is what request smuggling needs (RFC 9112 §11.2).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

QUESTION = b'{"input_data": "x"}'
LENGTH = f"Content-Length: {len(QUESTION)}"
CHUNKED = "Transfer-Encoding: chunked"
AS_CHUNKS = b"13\r\n" + QUESTION + b"\r\n0\r\n\r\n"
SMUGGLED = b"GET /office/stolen HTTP/1.1\r\nHost: x\r\n\r\n"


class May(Enum):
    """What a way in may do with a shape."""

    READ = auto()
    """It must hand exactly these messages to the service."""
    REFUSE = auto()
    """It must hand none of it to the service."""
    EITHER = auto()
    """Read exactly these messages, or none."""


@dataclass(frozen=True)
class Asked:
    """A request as the service's application sees it."""

    method: str
    target: str
    body: bytes = b""


@dataclass(frozen=True)
class Shape:
    """Bytes of a connection and what may be made of them."""

    name: str
    """What is odd about it."""
    sent: bytes
    """The bytes."""
    may: May
    """What a way in may do."""
    asked: tuple[Asked, ...] = ()
    """The messages in it, in the one right reading."""
    closes: bool = False
    """Whether the connection ends after it, so that nothing is asked on it again."""


POST = Asked("POST", "/office/Llama", QUESTION)
GET = Asked("GET", "/office/performance")


def _head(line: str, *headers: str) -> bytes:
    return "\r\n".join((line, *headers, "", "")).encode("latin-1")


def _post(*headers: str, line: str = "POST /office/Llama HTTP/1.1", host: str = "Host: x") -> bytes:
    return _head(line, host, "Content-Type: application/json", *headers)


def _get(target: str = "/office/performance", version: str = "HTTP/1.1", *headers: str) -> bytes:
    return _head(f"GET {target} {version}", "Host: x", *headers)


def _upgrades() -> Iterator[Shape]:
    for protocol in ("h2c", "websocket", "TLS/1.0", "HTTP/2.0", "h2c, websocket", "anything"):
        offer = ("Connection: Upgrade", f"Upgrade: {protocol}")
        yield Shape(f"upgrade {protocol}", _post(LENGTH, *offer) + QUESTION, May.READ, (POST,))
        yield Shape(f"upgrade {protocol} chunked", _post(CHUNKED, *offer) + AS_CHUNKS, May.READ, (POST,))
        yield Shape(
            f"upgrade {protocol}, a request as its body",
            _post(f"Content-Length: {len(SMUGGLED)}", *offer) + SMUGGLED,
            May.READ,
            (Asked("POST", "/office/Llama", SMUGGLED),),
        )
    curl = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    yield Shape("curl --http2", _post(LENGTH, *curl) + QUESTION, May.READ, (POST,))
    yield Shape("upgrade without a body", _get("/office/performance", "HTTP/1.1", *curl), May.READ, (GET,))
    yield Shape("upgrade without Connection", _post(LENGTH, "Upgrade: h2c") + QUESTION, May.READ, (POST,))
    yield Shape(
        "upgrade and close",
        _post(LENGTH, "Connection: Upgrade, close", "Upgrade: h2c") + QUESTION,
        May.READ,
        (POST,),
        closes=True,
    )
    yield Shape(
        "two offers ahead of each other", (_post(LENGTH, *curl) + QUESTION) * 2, May.READ, (POST, POST)
    )
    yield Shape("HTTP/2 at once", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", May.REFUSE)


def _lengths() -> Iterator[Shape]:
    for value in ("-19", "+19", "0x13", "1 9", "19;", "1e1", "19.0", "19\x0b", "", "x", "19, 20", "9" * 40):
        yield Shape(f"length {value!r}", _post(f"Content-Length: {value}") + QUESTION, May.REFUSE)
    for value in ("0019", " 19", "19 ", "\t19\t"):
        yield Shape(f"length {value!r}", _post(f"Content-Length: {value}") + QUESTION, May.EITHER, (POST,))
    yield Shape("length 19, 19", _post("Content-Length: 19, 19") + QUESTION, May.EITHER, (POST,))
    yield Shape("length twice", _post(LENGTH, LENGTH) + QUESTION, May.EITHER, (POST,))
    for more in (0, 5, 45):
        yield Shape(f"lengths 19 and {more}", _post(LENGTH, f"Content-Length: {more}") + QUESTION, May.REFUSE)
    yield Shape("length in another case", _post("CONTENT-length: 19") + QUESTION, May.READ, (POST,))
    yield Shape("no length at all", _post(), May.READ, (Asked("POST", "/office/Llama"),))
    yield Shape(
        "a body behind a GET",
        _get("/office/performance", "HTTP/1.1", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED,
        May.READ,
        (Asked("GET", "/office/performance", SMUGGLED),),
    )
    yield Shape(
        "Content_Length beside the length", _post(LENGTH, "Content_Length: 5") + QUESTION, May.READ, (POST,)
    )


def _codings() -> Iterator[Shape]:
    for value in ("chunked", "Chunked", "CHUNKED", " chunked", "chunked "):
        yield Shape(f"coding {value!r}", _post(f"Transfer-Encoding: {value}") + AS_CHUNKS, May.READ, (POST,))
    for value in (
        "chunked, chunked",
        "gzip, chunked",
        "chunked, gzip",
        "identity",
        "xchunked",
        '"chunked"',
        "chunked;q=1",
        "chunked\x0b",
        "\x0bchunked",
        "chunke",
        ", chunked",
        "",
    ):
        yield Shape(f"coding {value!r}", _post(f"Transfer-Encoding: {value}") + AS_CHUNKS, May.REFUSE)
    for headers in (
        (LENGTH, CHUNKED),
        (CHUNKED, LENGTH),
        (CHUNKED, "Content-Length: 0"),
        (CHUNKED, "Content-Length: 3"),
    ):
        yield Shape(f"coding and length {headers}", _post(*headers) + AS_CHUNKS, May.REFUSE)
    yield Shape("coding twice", _post(CHUNKED, CHUNKED) + AS_CHUNKS, May.REFUSE)
    yield Shape(
        "codings chunked and identity", _post(CHUNKED, "Transfer-Encoding: identity") + AS_CHUNKS, May.REFUSE
    )
    yield Shape(
        "coding in HTTP/1.0", _post(CHUNKED, line="POST /office/Llama HTTP/1.0") + AS_CHUNKS, May.REFUSE
    )
    yield Shape(
        "coding with a space before the colon",
        _post("Transfer-Encoding : chunked", LENGTH) + QUESTION,
        May.REFUSE,
    )
    yield Shape(
        "coding on a folded line",
        _post("X: a\r\n Transfer-Encoding: chunked", LENGTH) + QUESTION,
        May.EITHER,
        (POST,),
    )


def _chunks() -> Iterator[Shape]:
    def chunked(body: bytes) -> bytes:
        return _post(CHUNKED) + body

    whole = QUESTION + b"\r\n0\r\n\r\n"
    for name, size in {
        "an extension": b"13;a=b\r\n",
        "a quoted extension": b'13;a="b;c"\r\n',
        "leading zeros": b"00000013\r\n",
    }.items():
        yield Shape(f"chunk size with {name}", chunked(size + whole), May.EITHER, (POST,))
    for name, size in {
        "a prefix": b"0x13\r\n",
        "a sign": b"+13\r\n",
        "a minus": b"-13\r\n",
        "no digits": b"\r\n",
        "no hexadecimal": b"1g\r\n",
        "thirty digits": b"10" + b"0" * 26 + b"13\r\n",
        "a space inside": b"1 3\r\n",
        "an underscore": b"1_3\r\n",
    }.items():
        yield Shape(f"chunk size with {name}", chunked(size + whole), May.REFUSE)
    yield Shape("chunk size with a space after it", chunked(b"13 \r\n" + whole), May.EITHER, (POST,))
    yield Shape("chunk size ended by LF", chunked(b"13\n" + whole), May.EITHER, (POST,))
    yield Shape("chunk without its line end", chunked(b"13\r\n" + QUESTION + b"0\r\n\r\n"), May.REFUSE)
    yield Shape("chunk longer than said", chunked(b"12\r\n" + QUESTION + b"\r\n0\r\n\r\n"), May.REFUSE)
    small = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in QUESTION) + b"0\r\n\r\n"
    yield Shape("chunks of one byte", chunked(small), May.READ, (POST,))
    yield Shape(
        "a trailer", chunked(b"13\r\n" + QUESTION + b"\r\n0\r\nX-Sum: 5\r\n\r\n"), May.EITHER, (POST,)
    )
    yield Shape(
        "a trailer that is a length",
        chunked(b"13\r\n" + QUESTION + b"\r\n0\r\nContent-Length: 45\r\n\r\n"),
        May.EITHER,
        (POST,),
    )
    yield Shape(
        "a trailer that is no header",
        chunked(b"13\r\n" + QUESTION + b"\r\n0\r\nnothing\r\n\r\n"),
        May.EITHER,
        (POST,),
    )


def _hosts() -> Iterator[Shape]:
    yield Shape("no Host", _head("GET /office/performance HTTP/1.1"), May.REFUSE)
    for value in (
        "x\r\nHost: x",
        "x\r\nHost: y",
        "a b",
        "a/b",
        "a@b@c/",
        "a,\x01b",
        'a"b',
        "a\\b",
        "a#b",
        "a?b",
    ):
        head = _head("GET /office/performance HTTP/1.1", f"Host: {value}")
        yield Shape(f"Host {value!r}", head, May.REFUSE)
    for value in ("", "x:80", "[::1]", "[::1]:80", "xn--bcher-kva.example", "X.EXAMPLE"):
        head = _head("GET /office/performance HTTP/1.1", f"Host: {value}")
        yield Shape(f"Host {value!r}", head, May.READ if value else May.EITHER, (GET,))
    yield Shape(
        "no Host in HTTP/1.0", _head("GET /office/performance HTTP/1.0"), May.EITHER, (GET,), closes=True
    )


def _request_lines() -> Iterator[Shape]:
    for method in ("get", "Get", "gET", "BREW", "GET\x00", "G@T", "CONNECT"):
        line = f"{method} /office/performance HTTP/1.1"
        yield Shape(f"method {method!r}", _head(line, "Host: x"), May.REFUSE)
    for version in (
        "HTTP/0.9",
        "HTTP/2.0",
        "HTTP/3.0",
        "http/1.1",
        "HTTP/1",
        "HTTP/11",
        "HTTPS/1.1",
        "RTSP/1.0",
    ):
        yield Shape(f"version {version}", _get(version=version), May.REFUSE)
    for version in ("HTTP/1.2", "HTTP/1.10"):
        yield Shape(f"version {version}", _get(version=version), May.EITHER, (GET,))
    yield Shape("version HTTP/1.0", _get(version="HTTP/1.0"), May.READ, (GET,), closes=True)
    yield Shape(
        "HTTP/1.0 that wants to stay",
        _get("/office/performance", "HTTP/1.0", "Connection: keep-alive"),
        May.READ,
        (GET,),
        closes=True,
    )
    yield Shape("no version", b"GET /office/performance\r\n\r\n", May.EITHER, (GET,), closes=True)
    for name, line in {
        "two spaces": "GET  /office/performance HTTP/1.1",
        "a tab": "GET\t/office/performance HTTP/1.1",
        "a space after the version": "GET /office/performance HTTP/1.1 ",
        "a space before the method": " GET /office/performance HTTP/1.1",
        "a space in the target": "GET /office/perfor mance HTTP/1.1",
    }.items():
        yield Shape(f"request line with {name}", _head(line, "Host: x"), May.EITHER, (GET,))
    yield Shape("empty lines before", b"\r\n\r\n" + _get(), May.EITHER, (GET,))
    for target in (
        "http://x/office/performance",
        "HTTP://x/office/performance",
        "http://other:80/office/performance",
    ):
        yield Shape(f"target {target}", _get(target), May.READ, (GET,))
    yield Shape(
        "target https://x/office/performance", _get("https://x/office/performance"), May.EITHER, (GET,)
    )
    for target in (
        "x:80",
        "office/performance",
        "*",
        "http:///office/performance",
    ):
        yield Shape(f"target {target}", _get(target), May.REFUSE)
    yield Shape("target ftp://x/office/performance", _get("ftp://x/office/performance"), May.EITHER, (GET,))
    yield Shape("target with an empty query", _get("/office/performance?"), May.EITHER, (GET,))
    for target in ("/office/a\x01b", "/office/\xeb\xb0\xa9", "/office/a\x7fb"):
        yield Shape(f"target {target!r}", _get(target), May.EITHER, (Asked("GET", target),))
    yield Shape("target with a fragment", _get("/office/performance#x"), May.EITHER, (GET,))
    for target in (
        "/office/performance%0a",
        "/office/%00",
        "/office%2fperformance",
        "/office/..%2f..%2fx",
        "/office/a%zzb",
        "/office//performance",
        "/office/./performance",
        "/office/../character/performance",
        "/office/performance?a=1&a=2",
        "/office/%ff",
        "/office/performance;x=1",
        "/office/" + "a" * 4000,
    ):
        yield Shape(f"target {target[:40]}", _get(target), May.EITHER, (Asked("GET", target),))


def _headers() -> Iterator[Shape]:
    for name, header in {
        "a space before the colon": "Content-Length : 19",
        "a tab before the colon": "Content-Length\t: 19",
        "no colon": "Content-Length 19",
        "no name": ": 19",
        "a NUL in a name": "Content-Length\x00: 19",
        "a NUL in a value": "X: a\x00b",
    }.items():
        yield Shape(f"header with {name}", _post(LENGTH, header) + QUESTION, May.REFUSE)
    for name, header in {
        "a folded value": "X: a\r\n b",
        "a tab after the colon": "X:\ty",
        "no space after the colon": "X:y",
        "bytes above ASCII": "X: \xeb\xb0\xa9",
        "a control character in a value": "X: a\x01b",
        "8,000 characters": f"X: {'a' * 8000}",
        "no value": "X:",
        "a bracket in its name": "X[]: y",
    }.items():
        yield Shape(f"header with {name}", _post(LENGTH, header) + QUESTION, May.EITHER, (POST,))
    yield Shape("header with a bare CR", _post(LENGTH, "X: a\rContent-Length: 5") + QUESTION, May.REFUSE)
    yield Shape("header with a bare LF", _post(LENGTH, "X: a\nY: b") + QUESTION, May.EITHER, (POST,))
    yield Shape("a head with bare LFs", _get().replace(b"\r\n", b"\n"), May.EITHER, (GET,))
    yield Shape(
        "a first header that is folded",
        _head("GET /office/performance HTTP/1.1", " X: y", "Host: x"),
        May.EITHER,
        (GET,),
    )
    yield Shape(
        "a hundred headers", _post(LENGTH, *(f"X-{n}: y" for n in range(100))) + QUESTION, May.EITHER, (POST,)
    )
    yield Shape("100,000 characters", _post(LENGTH, f"X: {'a' * 100_000}") + QUESTION, May.REFUSE)


def _manners() -> Iterator[Shape]:
    yield Shape("two requests ahead", _get() + _post(LENGTH) + QUESTION, May.READ, (GET, POST))
    yield Shape(
        "close", _get("/office/performance", "HTTP/1.1", "Connection: close"), May.READ, (GET,), closes=True
    )
    yield Shape(
        "a request behind a close",
        _get("/office/performance", "HTTP/1.1", "Connection: close") + SMUGGLED,
        May.READ,
        (GET,),
        closes=True,
    )
    yield Shape("Expect", _post(LENGTH, "Expect: 100-continue") + QUESTION, May.READ, (POST,))
    yield Shape("Expect of something else", _post(LENGTH, "Expect: nothing") + QUESTION, May.EITHER, (POST,))
    yield Shape(
        "a body behind a DELETE",
        _post(LENGTH, line="DELETE /office/rooms HTTP/1.1") + QUESTION,
        May.READ,
        (Asked("DELETE", "/office/rooms", QUESTION),),
    )
    yield Shape(
        "TRACE",
        _head("TRACE /office/performance HTTP/1.1", "Host: x"),
        May.EITHER,
        (Asked("TRACE", "/office/performance"),),
    )
    yield Shape(
        "connection named headers", _post(LENGTH, "Connection: Content-Length") + QUESTION, May.READ, (POST,)
    )
    for status, path in (
        ("404", "/office/nowhere/at/all"),
        ("422", "/office/rooms"),
        ("405", "/office/Llama"),
    ):
        yield Shape(f"a {status}", _get(path), May.READ, (Asked("GET", path),))
    for status, body in (("400", b"{"), ("422", b"{}")):
        yield Shape(
            f"a {status} for its body",
            _post(f"Content-Length: {len(body)}") + body,
            May.READ,
            (Asked("POST", "/office/Llama", body),),
        )
    yield Shape(
        "a 415",
        _head("POST /office/Llama HTTP/1.1", "Host: x", "Content-Type: text/plain", LENGTH) + QUESTION,
        May.READ,
        (POST,),
    )


SHAPES = (
    *_upgrades(),
    *_lengths(),
    *_codings(),
    *_chunks(),
    *_hosts(),
    *_request_lines(),
    *_headers(),
    *_manners(),
)
