"""A registry on this machine: as much of the OCI distribution protocol as a push and a look at a digest need.

A real one is a program that no package brings; k8s-tests push to the cluster's.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest_of(content: bytes) -> str:
    """The digest by which a registry names content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    blobs: ClassVar[dict[str, bytes]]
    manifests: ClassVar[dict[str, bytes]]

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        path = self.path.removeprefix("/v2/")
        if not path:
            return self._answer(200)
        repository, kind, name = path.rsplit("/", 2)
        found = (self.manifests if kind == "manifests" else self.blobs).get(
            f"{repository}:{name}" if kind == "manifests" else name
        )
        if found is None:
            return self._answer(404)
        return self._answer(200, found, Content_Type=MANIFEST, Docker_Content_Digest=digest_of(found))

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        self._body()
        self._answer(202, Location=f"{self.path.rstrip('/')}/one")

    def do_PUT(self) -> None:
        body = self._body()
        if found := re.fullmatch(r"/v2/(.+)/manifests/(.+)", self.path):
            self.manifests[f"{found[1]}:{found[2]}"] = body
            self.manifests[f"{found[1]}:{digest_of(body)}"] = body
        else:
            self.blobs[digest_of(body)] = body
        self._answer(201, Docker_Content_Digest=digest_of(body))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def oci_registry() -> Iterator[tuple[str, dict[str, bytes], dict[str, bytes]]]:
    """Address, manifests by `repository:tag` and blobs by digest of a registry that runs meanwhile."""
    manifests: dict[str, bytes] = {}
    blobs: dict[str, bytes] = {}
    handler = type("Handler", (_Handler,), {"blobs": blobs, "manifests": manifests})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", manifests, blobs
        server.shutdown()
