"""The suite's answer to every path that is no route: a page for browsers, JSON for programs, always 404.

The files are static, so that nginx in the cluster can serve the very same bytes.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from fastapi.responses import Response
from starlette.datastructures import Headers

from chatbot.api.texts import language_of_header
from chatbot.domain.language import Language

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_JSON_FILES: dict[Language, str] = {"ko": "404.json", "en": "404.en.json"}


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


def not_found(headers: Headers) -> Response:
    """The 404 for a request with these headers: Korean unless English is preferred."""
    language = language_of_header(headers.get("accept-language", ""))
    vary = {"Vary": "Accept, Accept-Language", "Content-Language": language}
    if "text/html" not in headers.get("accept", "").lower():
        return Response(_file(_JSON_FILES[language]), 404, vary, "application/json")
    html = _file("404.html")
    policy = f"{style_policy(html)}; frame-ancestors 'none'"
    # The page holds both languages; the language of its root decides which one stands in front.
    page = html.replace('<html lang="ko">', f'<html lang="{language}">', 1)
    return Response(page, 404, {**vary, "Content-Security-Policy": policy}, "text/html; charset=utf-8")
