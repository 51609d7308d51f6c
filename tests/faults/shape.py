"""What a shape is: bytes of a connection, and what a way in may make of them."""

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


def head_of(line: str, *headers: str) -> bytes:
    """The head of a request, line by line."""
    return "\r\n".join((line, *headers, "", "")).encode("latin-1")


def post(*headers: str, line: str = "POST /office/Llama HTTP/1.1", host: str = "Host: x") -> bytes:
    """The head of a question."""
    return head_of(line, host, "Content-Type: application/json", *headers)


def get(target: str = "/office/performance", version: str = "HTTP/1.1", *headers: str) -> bytes:
    """A request without a body."""
    return head_of(f"GET {target} {version}", "Host: x", *headers)
