"""Asks the services for their own counts, by both ways they publish them, at every address behind a name."""

import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests

from loadtest.client.asking import UnreachableError, get, get_json

OUTCOMES = ("successful", "failed", "refused", "cancelled")
_SERIES = re.compile(r"^chatbot_requests_total\{(?P<labels>[^}]*)\}\s+(?P<value>[0-9.eE+]+)", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Count:
    """One service's counters as one source of one process tells them."""

    address: str
    """Of the process."""
    source: str
    """`performance` or `metrics`."""
    service: str
    """Its name."""
    outcomes: dict[str, int]
    """Requests by their outcome, one of OUTCOMES."""
    uptime: float | None
    """Seconds since the process started; None where the source does not tell."""

    @property
    def key(self) -> tuple[str, str, str]:
        """What the same counter is found by in a later scrape."""
        return self.address, self.source, self.service


def performance(base: str, service: str, *, host: str | None = None) -> dict[str, Any]:
    """GET /{service}/performance. Raises UnreachableError."""
    url = f"{base.rstrip('/')}/{service}/performance"
    found = get_json(url, host=host)
    if not isinstance(found, dict) or "total_requests" not in found:
        raise UnreachableError(f"{url}: not the statistics of a service")
    odd = [name for name in OUTCOMES if not isinstance(found.get(f"{name}_requests", 0), int)]
    if odd:
        raise UnreachableError(f"{url}: {odd[0]}_requests is not a whole number")
    return found


def scrape(bases: Iterable[str], services: Sequence[str]) -> list[Count]:
    """All counters at these addresses. One that does not serve a service, or has no metrics, just adds
    nothing.
    """
    found = []
    for base in bases:
        for address, host in addresses(base):
            served = []
            for service in services:
                try:
                    told = performance(address, service, host=host)
                except UnreachableError:
                    continue
                outcomes = {name: told.get(f"{name}_requests", 0) for name in OUTCOMES}
                uptime = told.get("uptime_seconds")
                since = uptime if isinstance(uptime, int | float) else None
                found.append(Count(address, "performance", service, outcomes, since))
                served.append(service)
            found += _metrics(address, host, served)
    return found


def under_way(bases: Iterable[str], services: Sequence[str]) -> int:
    """Questions that the services at these addresses have not ended yet; who does not answer has none."""
    total = 0
    for base in bases:
        for address, host in addresses(base):
            for service in services:
                try:
                    active = performance(address, service, host=host).get("active_requests")
                except UnreachableError:
                    continue
                total += active if isinstance(active, int) else 0
    return total


def addresses(base: str) -> list[tuple[str, str | None]]:
    """Every address behind a base URL, each with the Host header to send: a headless Service names all its
    pods.

    Only one family is used, since a pod with two addresses would count twice. https names are left alone.
    """
    parts = urlsplit(base)
    if parts.scheme != "http" or parts.hostname is None:
        return [(base.rstrip("/"), None)]
    port = parts.port or 80
    try:
        infos = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    families = {family for family, *_ in infos}
    wanted = socket.AF_INET if socket.AF_INET in families else socket.AF_INET6
    hosts = sorted({str(info[4][0]) for info in infos if info[0] == wanted})
    bare = [f"[{host}]" if ":" in host else host for host in hosts]
    return [
        (urlunsplit(("http", f"{host}:{port}", parts.path.rstrip("/"), "", "")), parts.netloc)
        for host in bare
    ]


def _metrics(address: str, host: str | None, served: Sequence[str]) -> list[Count]:
    if not served:
        return []
    try:
        response = get(f"{address}/metrics", host=host)
    except UnreachableError:
        return []
    if response.status_code != requests.codes.ok:
        return []
    totals = {service: dict.fromkeys(OUTCOMES, 0) for service in served}
    seen = False
    for series in _SERIES.finditer(response.text):
        labels = dict(_LABEL.findall(series["labels"]))
        outcomes = totals.get(labels.get("service", ""))
        if outcomes is not None and labels.get("outcome") in outcomes:
            try:
                outcomes[labels["outcome"]] += int(float(series["value"]))
            except (ValueError, OverflowError):
                return []
            seen = True
    # A process that has served nothing yet may publish no series; a page without any of ours is no source.
    if not seen and "chatbot_requests_total" not in response.text:
        return []
    return [Count(address, "metrics", service, outcomes, None) for service, outcomes in totals.items()]
