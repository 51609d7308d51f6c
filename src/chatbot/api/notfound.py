"""The suite's answer to every path that is no route: a page for browsers, JSON for programs, always 404.

nginx in the cluster serves the same files and puts the services into them in the same way (the chart's
templates/gateway/_nginx.tpl), so both gateways answer with the same bytes.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files

from fastapi.responses import Response
from starlette.datastructures import Headers

from chatbot.api.texts import language_of_header
from chatbot.domain.language import Language
from chatbot.domain.service_names import ServiceName
from chatbot.services.registry import SERVICES

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_JSON_FILES: dict[Language, str] = {"ko": "404.json", "en": "404.en.json"}

HTML_MARK = "<!-- services -->"
"""Where a page lists the services."""

JSON_MARK = '"services": []'
"""Where the JSON lists them."""


@cache
def _file(name: str) -> str:
    return (files("chatbot") / "pages" / name).read_text(encoding="utf-8")


def style_policy(html: str) -> str:
    """The Content-Security-Policy of a page whose only active part is its one style element."""
    style = _STYLE.search(html)
    if style is None:
        raise ValueError("the page has no style element")
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _card(name: str) -> str:
    """What a page shows of one service: its title in both languages, its chat page, its documentation."""
    service = SERVICES.get(ServiceName(name))
    title = name
    if service is not None:
        korean, english = escape(service.title["ko"]), escape(service.title["en"])
        title = f'<span lang="ko">{korean}</span> <span lang="en">{english}</span>'
    return (
        f'<li class="card"><strong>{title}</strong><a class="path" href="/{name}/">/{name}/</a>'
        f'<a class="path" href="/{name}/docs">/{name}/docs</a></li>'
    )


def _with_services(text: str, services: Iterable[str]) -> str:
    """``text``, a page or JSON, with the services in the place that is marked for them."""
    names = sorted(services)
    cards = "".join(map(_card, names))
    return text.replace(HTML_MARK, cards, 1).replace(JSON_MARK, f'"services": {json.dumps(names)}', 1)


def not_found(headers: Headers, services: Iterable[str]) -> Response:
    """The 404 for a request with these headers, Korean unless English is preferred; it lists ``services``."""
    language = language_of_header(headers.get("accept-language", ""))
    vary = {"Vary": "Accept, Accept-Language", "Content-Language": language}
    if "text/html" not in headers.get("accept", "").lower():
        body = _with_services(_file(_JSON_FILES[language]), services)
        return Response(body, 404, vary, "application/json")
    html = _file("404.html")
    policy = f"{style_policy(html)}; frame-ancestors 'none'"
    # The page holds both languages; the language of its root decides which one stands in front.
    page = html.replace('<html lang="ko">', f'<html lang="{language}">', 1)
    return Response(
        _with_services(page, services),
        404,
        {**vary, "Content-Security-Policy": policy},
        "text/html; charset=utf-8",
    )
