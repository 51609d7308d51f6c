"""Shapes that are odd in where a body begins and ends: its length, its coding, its chunks."""

from collections.abc import Iterator

from tests.faults.shape import (
    AS_CHUNKS,
    CHUNKED,
    LENGTH,
    POST,
    QUESTION,
    SMUGGLED,
    Asked,
    May,
    Shape,
    get,
    post,
)


def _lengths() -> Iterator[Shape]:
    for value in ("-19", "+19", "0x13", "1 9", "19;", "1e1", "19.0", "19\x0b", "", "x", "19, 20", "9" * 40):
        yield Shape(f"length {value!r}", post(f"Content-Length: {value}") + QUESTION, May.REFUSE)
    for value in ("0019", " 19", "19 ", "\t19\t"):
        yield Shape(f"length {value!r}", post(f"Content-Length: {value}") + QUESTION, May.EITHER, (POST,))
    yield Shape("length 19, 19", post("Content-Length: 19, 19") + QUESTION, May.EITHER, (POST,))
    yield Shape("length twice", post(LENGTH, LENGTH) + QUESTION, May.EITHER, (POST,))
    for more in (0, 5, 45):
        yield Shape(f"lengths 19 and {more}", post(LENGTH, f"Content-Length: {more}") + QUESTION, May.REFUSE)
    yield Shape("length in another case", post("CONTENT-length: 19") + QUESTION, May.READ, (POST,))
    yield Shape("no length at all", post(), May.READ, (Asked("POST", "/office/Llama"),))
    yield Shape(
        "a body behind a GET",
        get("/office/performance", "HTTP/1.1", f"Content-Length: {len(SMUGGLED)}") + SMUGGLED,
        May.READ,
        (Asked("GET", "/office/performance", SMUGGLED),),
    )
    yield Shape(
        "Content_Length beside the length", post(LENGTH, "Content_Length: 5") + QUESTION, May.READ, (POST,)
    )


def _codings() -> Iterator[Shape]:
    for value in ("chunked", "Chunked", "CHUNKED", " chunked", "chunked "):
        yield Shape(f"coding {value!r}", post(f"Transfer-Encoding: {value}") + AS_CHUNKS, May.READ, (POST,))
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
        yield Shape(f"coding {value!r}", post(f"Transfer-Encoding: {value}") + AS_CHUNKS, May.REFUSE)
    for headers in (
        (LENGTH, CHUNKED),
        (CHUNKED, LENGTH),
        (CHUNKED, "Content-Length: 0"),
        (CHUNKED, "Content-Length: 3"),
    ):
        yield Shape(f"coding and length {headers}", post(*headers) + AS_CHUNKS, May.REFUSE)
    yield Shape("coding twice", post(CHUNKED, CHUNKED) + AS_CHUNKS, May.REFUSE)
    yield Shape(
        "codings chunked and identity", post(CHUNKED, "Transfer-Encoding: identity") + AS_CHUNKS, May.REFUSE
    )
    yield Shape(
        "coding in HTTP/1.0", post(CHUNKED, line="POST /office/Llama HTTP/1.0") + AS_CHUNKS, May.REFUSE
    )
    yield Shape(
        "coding with a space before the colon",
        post("Transfer-Encoding : chunked", LENGTH) + QUESTION,
        May.REFUSE,
    )
    yield Shape(
        "coding on a folded line",
        post("X: a\r\n Transfer-Encoding: chunked", LENGTH) + QUESTION,
        May.EITHER,
        (POST,),
    )


def _chunks() -> Iterator[Shape]:
    def chunked(body: bytes) -> bytes:
        return post(CHUNKED) + body

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


BODIES = (*_lengths(), *_codings(), *_chunks())
