"""The chart's own nginx configuration, rendered, as a process of Debian's nginx on this machine."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chart.rendering import CHART, manifests, of_kind
from tests.support.ports import held_ports

_ROOT = CHART.parents[1]
_UPSTREAM = re.compile(r"http://[\w.-]*-(\w+):\d+;")


@contextmanager
def chart_nginx(
    folder: Path, upstreams: Mapping[str, int], values: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """The chart's gateway in front of services on ports of this machine, by service name; yields its address.

    The port of "balancer" is that of the balancer, for services that ``values`` give several pods.

    Only what names the cluster is replaced in its configuration: addresses, ports and folders.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    assert program, "the raw-HTTP tests need nginx (Debian: apt-get install nginx-light)"
    (conf,) = (
        found["data"]["nginx.conf"]
        for name, found in of_kind(manifests(values), "ConfigMap").items()
        if "nginx.conf" in found["data"]
    )
    with held_ports(3) as (port, outage, probe):
        conf = _UPSTREAM.sub(lambda found: f"http://127.0.0.1:{upstreams[found[1]]};", conf)
        conf = conf.replace("http://127.0.0.1:8082", f"http://127.0.0.1:{upstreams.get('balancer', 1)}")
        conf = re.sub(r"listen 8503;", f"listen 127.0.0.1:{outage};", conf)
        conf = re.sub(r"listen 8081;", f"listen 127.0.0.1:{probe};", conf)
        conf = re.sub(r"listen \d+;", f"listen 127.0.0.1:{port};", conf)
        conf = conf.replace("/tmp/", f"{folder}/").replace("/dev/stdout", f"{folder}/access.log")
        conf = conf.replace("/usr/share/chatbot", f"{folder}/site")
        # As the image lays them out.
        pages = folder / "site" / ".pages"
        shutil.copytree(_ROOT / "images" / "gateway" / "pages", pages)
        for page in (
            *(_ROOT / "src/chatbot/pages").glob("404*"),
            *(_ROOT / "src/chatbot/pages").glob("503*"),
        ):
            shutil.copy(page, pages)
        file = folder / "nginx.conf"
        file.write_text(conf)
        with (folder / "error.log").open("wb") as log:
            process = subprocess.Popen(
                [program, "-c", file, "-g", "daemon off; user root;", "-e", folder / "early.log"], stderr=log
            )
        try:
            for _ in range(200):
                assert process.poll() is None, (folder / "error.log").read_text()
                with socket.socket() as tried:
                    if tried.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)
