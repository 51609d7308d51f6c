"""The pages of a service: the chat page, its files, and the API documentation without any foreign address.

Every address inside the pages is relative, so that they work under any prefix and behind any proxy. Swagger
UI and ReDoc come from the package fastapi-standalone-docs, KaTeX from djangocms-katex, licences included. Of
both only files are used: the wiring of the one replaces functions of FastAPI for the whole process, the other
is for another framework.
"""

import json
from dataclasses import asdict
from html import escape
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from chatbot.core.service import AnyService
from chatbot.domain.messages import Sampling
from chatbot.services.registry import SERVICES

_COMMON_POLICY = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    f"{_COMMON_POLICY}; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""What the chat page may do. Trusted types make assigning markup from text an error, so that no change to the
page's scripts can turn a model's words into HTML unnoticed."""

DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"connect-src 'self'; worker-src blob:; {_COMMON_POLICY}"
)
"""Swagger UI and ReDoc write style elements, and ReDoc searches in a worker made from a blob."""

_METHODS = ["GET", "HEAD"]
_CACHE = {"Cache-Control": "no-cache"}
"""Kept by the browser but asked about each time: file names carry no version. An ETag makes asking cheap."""


def _page(name: str, service: AnyService, sampling: Sampling) -> str:
    """The text of a page, with what it must know of the service filled in."""
    text = (files("chatbot") / "pages" / name).read_text(encoding="utf-8")
    return text.replace("{{service}}", service.name).replace("{{facts}}", escape(_facts(service, sampling)))


def _facts(service: AnyService, sampling: Sampling) -> str:
    """What the chat page's scripts know of its service, as JSON; ``null`` where it has no such thing.

    ``others`` are the further services of the suite: which of them run, the page finds out.
    """
    facts = {
        "service": service.name,
        "title": service.title,
        "search": service.search_field,
        "sampling": {"temperature": sampling.temperature, "max_tokens": sampling.max_tokens},
        "keeps": service.of_character is not None,
        **asdict(service.page),
        "others": [
            {"service": other.name, "title": other.title}
            for other in SERVICES.values()
            if other.name != service.name
        ],
    }
    return json.dumps(facts, ensure_ascii=False)


def _html(text: str, policy: str) -> Response:
    return HTMLResponse(text, headers={**_CACHE, "Content-Security-Policy": policy})


def pages_router(service: AnyService, sampling: Sampling) -> APIRouter:
    """The routes of the pages and their files, to be mounted under the service's prefix.

    ``sampling`` is how the service answers unless a question says otherwise.
    """
    router = APIRouter(include_in_schema=False)
    chat, docs, redoc = (_page(name, service, sampling) for name in ("chat.html", "docs.html", "redoc.html"))
    assets = StaticFiles(packages=[("chatbot", "pages/assets")])
    swagger_files = StaticFiles(packages=[("fastapi_standalone_docs", "static/swagger")])
    redoc_files = StaticFiles(packages=[("fastapi_standalone_docs", "static/redoc")])
    math_files = StaticFiles(packages=[("djangocms_katex", "static/djangocms_katex/vendor/katex")])

    async def served(folder: StaticFiles, file: str, request: Request) -> Response:
        response = await folder.get_response(file, request.scope)
        response.headers.update(_CACHE)
        return response

    @router.api_route("", methods=_METHODS)
    async def without_slash() -> Response:
        # Relative, so that scheme, host and port stay what the browser used.
        return Response(status_code=307, headers={"Location": f"{service.name}/"})

    @router.api_route("/", methods=_METHODS)
    async def chat_page() -> Response:
        return _html(chat, PAGE_POLICY)

    @router.api_route("/docs", methods=_METHODS)
    async def docs_page() -> Response:
        return _html(docs, DOCS_POLICY)

    @router.api_route("/redoc", methods=_METHODS)
    async def redoc_page() -> Response:
        return _html(redoc, DOCS_POLICY)

    @router.api_route("/static/{file}", methods=_METHODS)
    async def asset(file: str, request: Request) -> Response:
        return await served(assets, file, request)

    @router.api_route("/docs/{file}", methods=_METHODS)
    async def swagger_asset(file: str, request: Request) -> Response:
        return await served(swagger_files, file, request)

    @router.api_route("/redoc/{file}", methods=_METHODS)
    async def redoc_asset(file: str, request: Request) -> Response:
        return await served(redoc_files, file, request)

    @router.api_route("/math/{file}", methods=_METHODS)
    async def math_asset(file: str, request: Request) -> Response:
        return await served(math_files, file, request)

    return router
