"""Shapes that are odd in their head: the host, the request line, the headers."""

from collections.abc import Iterator

from tests.faults.shape import GET, LENGTH, POST, QUESTION, Asked, May, Shape, get, head_of, post


def _hosts() -> Iterator[Shape]:
    yield Shape("no Host", head_of("GET /office/performance HTTP/1.1"), May.REFUSE)
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
        head = head_of("GET /office/performance HTTP/1.1", f"Host: {value}")
        yield Shape(f"Host {value!r}", head, May.REFUSE)
    for value in ("", "x:80", "[::1]", "[::1]:80", "xn--bcher-kva.example", "X.EXAMPLE"):
        head = head_of("GET /office/performance HTTP/1.1", f"Host: {value}")
        yield Shape(f"Host {value!r}", head, May.READ if value else May.EITHER, (GET,))
    yield Shape(
        "no Host in HTTP/1.0", head_of("GET /office/performance HTTP/1.0"), May.EITHER, (GET,), closes=True
    )


def _request_lines() -> Iterator[Shape]:
    for method in ("get", "Get", "gET", "BREW", "GET\x00", "G@T", "CONNECT"):
        line = f"{method} /office/performance HTTP/1.1"
        yield Shape(f"method {method!r}", head_of(line, "Host: x"), May.REFUSE)
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
        yield Shape(f"version {version}", get(version=version), May.REFUSE)
    for version in ("HTTP/1.2", "HTTP/1.10"):
        yield Shape(f"version {version}", get(version=version), May.EITHER, (GET,))
    yield Shape("version HTTP/1.0", get(version="HTTP/1.0"), May.READ, (GET,), closes=True)
    yield Shape(
        "HTTP/1.0 that wants to stay",
        get("/office/performance", "HTTP/1.0", "Connection: keep-alive"),
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
        yield Shape(f"request line with {name}", head_of(line, "Host: x"), May.EITHER, (GET,))
    yield Shape("empty lines before", b"\r\n\r\n" + get(), May.EITHER, (GET,))
    for target in (
        "http://x/office/performance",
        "HTTP://x/office/performance",
        "http://other:80/office/performance",
    ):
        yield Shape(f"target {target}", get(target), May.READ, (GET,))
    yield Shape(
        "target https://x/office/performance", get("https://x/office/performance"), May.EITHER, (GET,)
    )
    for target in (
        "x:80",
        "office/performance",
        "*",
        "http:///office/performance",
    ):
        yield Shape(f"target {target}", get(target), May.REFUSE)
    yield Shape("target ftp://x/office/performance", get("ftp://x/office/performance"), May.EITHER, (GET,))
    yield Shape("target with an empty query", get("/office/performance?"), May.EITHER, (GET,))
    for target in ("/office/a\x01b", "/office/\xeb\xb0\xa9", "/office/a\x7fb"):
        yield Shape(f"target {target!r}", get(target), May.EITHER, (Asked("GET", target),))
    yield Shape("target with a fragment", get("/office/performance#x"), May.EITHER, (GET,))
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
        yield Shape(f"target {target[:40]}", get(target), May.EITHER, (Asked("GET", target),))


def _headers() -> Iterator[Shape]:
    for name, header in {
        "a space before the colon": "Content-Length : 19",
        "a tab before the colon": "Content-Length\t: 19",
        "no colon": "Content-Length 19",
        "no name": ": 19",
        "a NUL in a name": "Content-Length\x00: 19",
        "a NUL in a value": "X: a\x00b",
    }.items():
        yield Shape(f"header with {name}", post(LENGTH, header) + QUESTION, May.REFUSE)
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
        yield Shape(f"header with {name}", post(LENGTH, header) + QUESTION, May.EITHER, (POST,))
    yield Shape("header with a bare CR", post(LENGTH, "X: a\rContent-Length: 5") + QUESTION, May.REFUSE)
    yield Shape("header with a bare LF", post(LENGTH, "X: a\nY: b") + QUESTION, May.EITHER, (POST,))
    yield Shape("a head with bare LFs", get().replace(b"\r\n", b"\n"), May.EITHER, (GET,))
    yield Shape(
        "a first header that is folded",
        head_of("GET /office/performance HTTP/1.1", " X: y", "Host: x"),
        May.EITHER,
        (GET,),
    )
    yield Shape(
        "a hundred headers", post(LENGTH, *(f"X-{n}: y" for n in range(100))) + QUESTION, May.EITHER, (POST,)
    )
    yield Shape("100,000 characters", post(LENGTH, f"X: {'a' * 100_000}") + QUESTION, May.REFUSE)


HEADS = (*_hosts(), *_request_lines(), *_headers())
