"""Every malformed body of contract §2.1 over raw sockets: status, language, flat memory."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tests.api.test_bodies import INVALID, MALFORMED
from tests.support.gguf_factory import Plan, write_model
from tests.system.running_suite import RunningSuite, running_suite

CHARACTER = {"character_name": "Rachel", "greeting": "Hello!", "context": "A librarian."}
HANGUL = [chr(code) for code in range(0xAC00, 0xD7A4)]
pytestmark = pytest.mark.slow


def _large(length: int) -> bytes:
    return b'{"input_data": 5, "x": "' + b"a" * (length - 26) + b'"}'


BODIES: dict[str, tuple[int, bytes]] = {
    **{name: (400, body) for name, body in MALFORMED.items()},
    **{name: (422, json.dumps(body).encode()) for name, body in INVALID.items()},
    "a surrogate": (422, b'{"input_data": "\\ud800"}'),
    "a surrogate as user": (422, b'{"input_data": "a", "user_id": "\\udfff"}'),
    "two equal keys": (400, b'{"input_data": "a", "input_data": 5}'),
    "64 KiB": (422, _large(65536)),
    "64 KiB and one": (413, _large(65537)),
}


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSuite]:
    folder = tmp_path_factory.mktemp("bodies")
    model = str(write_model(folder / "random.gguf", Plan()))
    with running_suite(folder, CHATBOT_OFFICE__MODEL=model, CHATBOT_CHARACTER__MODEL=model) as running:
        yield running


def _head(service: str, language: str, framing: str) -> bytes:
    return (
        f"POST /{service}/Llama HTTP/1.1\r\nHost: suite\r\nContent-Type: application/json\r\n"
        f"Accept-Language: {language}\r\nConnection: close\r\n{framing}\r\n\r\n"
    ).encode()


def _exchange(suite: RunningSuite, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are; status, headers and body of what comes back before the connection closes."""
    place = urlsplit(suite.gateway)
    said = b""
    with socket.create_connection((place.hostname, place.port), 20) as connection:
        connection.sendall(sent)
        while piece := connection.recv(65536):
            said += piece
    head, _, body = said.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(first.split(" ")[1]), headers, body


def _resident_mib(suite: RunningSuite) -> float:
    status = Path(f"/proc/{suite.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _assert_refused(
    suite: RunningSuite, service: str, name: str, language: str, *, chunked: bool = False
) -> None:
    expected, body = BODIES[name]
    if chunked:
        framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]) if part)
        sent = _head(service, language, "Transfer-Encoding: chunked") + framed + b"0\r\n\r\n"
    else:
        sent = _head(service, language, f"Content-Length: {len(body)}") + body
    status, headers, said = _exchange(suite, sent)
    assert status == expected, (service, name, said)
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"]
    text = json.dumps(json.loads(said)["detail"], ensure_ascii=False)
    assert any(letter in text for letter in HANGUL) == (language == "ko"), text


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize("name", BODIES)
def test_a_malformed_body_gets_its_status_in_both_languages(
    suite: RunningSuite, name: str, language: str
) -> None:
    _assert_refused(suite, "office", name, language)
    _assert_refused(suite, "office", name, language, chunked=True)
    if name not in ("boolean as text", "boolean as number"):
        _assert_refused(suite, "character", name, language)


def test_malformed_bodies_count_as_nothing_and_leave_memory_flat(suite: RunningSuite) -> None:
    counted = httpx.get(f"{suite.gateway}/office/performance").json()["total_requests"]
    for _ in range(2):
        for name in BODIES:
            _assert_refused(suite, "office", name, "ko")
    before = _resident_mib(suite)
    for _ in range(10):
        for name in BODIES:
            _assert_refused(suite, "office", name, "ko")
    assert _resident_mib(suite) - before < 4
    assert httpx.get(f"{suite.gateway}/office/performance").json()["total_requests"] == counted == 0
    valid = {"input_data": "a", **CHARACTER}
    assert httpx.post(f"{suite.gateway}/character/Llama", json=valid, timeout=60).status_code == 200
