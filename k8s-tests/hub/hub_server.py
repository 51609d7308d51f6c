"""A small hub that speaks the Hugging Face protocol as far as a download needs it.

Serves the files of a folder as ``/{owner}/{name}/resolve/{revision}/{file}`` whatever the repository. It can
be told to cut a transfer, so that resuming is tested on a real interruption. Standard library only: the tests
run it in a thread, k8s-tests in a pod (``hub_server.py FOLDER PORT [BYTES_PER_SECOND]``).
"""

import sys
import time
from collections.abc import Callable
from hashlib import file_digest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 1 << 16


class Hub(ThreadingHTTPServer):
    """``requests`` records (method, path, Range); each transfer takes the next of ``cuts``: its bytes."""

    daemon_threads = True

    def __init__(self, folder: Path, address: tuple[str, int] = ("127.0.0.1", 0), token: str = "") -> None:
        super().__init__(address, Handler)
        self.folder = folder
        self.token = token
        self.cuts: list[int] = []
        self.bytes_per_second: int | None = None
        self.requests: list[tuple[str, str, str]] = []
        self.digests: dict[tuple[str, int], str] = {}

    @property
    def endpoint(self) -> str:
        """What HF_ENDPOINT names."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def digest(self, path: Path) -> str:
        """SHA-256 of a file, kept until the file changes."""
        key = (path.name, path.stat().st_mtime_ns)
        if key not in self.digests:
            with path.open("rb") as file:
                self.digests[key] = file_digest(file, "sha256").hexdigest()
        return self.digests[key]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        """Metadata alone."""
        self._answer(lambda _path, _start: None)

    def do_GET(self) -> None:
        """The bytes, from where the range begins."""
        self._answer(self._send)

    def log_message(self, *_: object) -> None:
        """Only ``requests`` records."""

    def _answer(self, send: Callable[[Path, int], None]) -> None:
        self.server.requests.append((self.command, self.path, self.headers.get("Range", "")))
        parts = self.path.split("?")[0].strip("/").split("/")
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self._refuse(401, "GatedRepo")
            return
        path = self.server.folder / parts[-1]
        if (
            len(parts) != 5 or parts[2] != "resolve" or not path.is_file()
        ):  # owner, name, resolve, revision, file
            self._refuse(404, "EntryNotFound")
            return
        size = path.stat().st_size
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("ETag", f'"{self.server.digest(path)}"')
        self.send_header("X-Linked-Etag", f'"{self.server.digest(path)}"')
        self.send_header("X-Linked-Size", str(size))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(size - start))
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        send(path, start)

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, path: Path, start: int) -> None:
        sent = 0
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        with path.open("rb") as file:
            file.seek(start)
            while chunk := file.read(CHUNK):
                if cut is not None and sent >= cut:
                    self.close_connection = True
                    return
                self.wfile.write(chunk)
                sent += len(chunk)
                if self.server.bytes_per_second:
                    time.sleep(len(chunk) / self.server.bytes_per_second)


if __name__ == "__main__":
    hub = Hub(Path(sys.argv[1]), ("0.0.0.0", int(sys.argv[2])))  # noqa: S104 (a pod of the test cluster)
    hub.bytes_per_second = int(sys.argv[3]) if len(sys.argv) > 3 else None
    hub.serve_forever()
