"""One service as an ASGI application: its routes under its prefix, health beside them."""

from collections.abc import Sequence
from typing import NoReturn

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException
from starlette.types import Scope

from chatbot import __version__
from chatbot.api import errors
from chatbot.api.characters import characters_router
from chatbot.api.health import health_router
from chatbot.api.importing import importing_router
from chatbot.api.openai.failures import OpenAIRoute
from chatbot.api.openai.routes import openai_absent, openai_router
from chatbot.api.pages import pages_router
from chatbot.api.passing import AFFINITY_HEADER
from chatbot.api.performance import performance_router
from chatbot.api.questions import questions_router
from chatbot.api.request_context import RequestContext
from chatbot.api.resuming import resuming_router
from chatbot.api.rooms import rooms_router
from chatbot.api.routing import PlainRequest, Unmatched, UnmatchedRoute
from chatbot.api.state import ServiceState
from chatbot.api.summaries import summaries_router
from chatbot.domain.config import is_alias

_EXPOSED = (
    "X-Request-Id",
    "X-Model",
    "X-Db-Id",
    "X-Turn-Id",
    "X-Answer-Id",
    "X-Search-Status",
    "X-AI-Generated",
    "X-History",
    "X-Finish-Reason",
    "Link",
    "Server-Timing",
    "X-Prompt-Report",
    "Retry-After",
    "X-Ignored-Parameters",
    "X-Cut-Turns",
)

_PARTS = {
    "chat": "Questions and their answers.",
    "openai": "The same in OpenAI's format.",
    "rooms": "Conversations: read, changed, searched, imported, deleted.",
    "characters": "Characters that a user keeps.",
    "operations": "How the service is doing.",
}
"""Tags of the routes, in the order of the API's page: what most people come for stands first."""


def create_app(state: ServiceState, cors_origins: Sequence[str] = ()) -> FastAPI:
    """Build the application of one service; nothing is opened here."""
    prefix = f"/{state.name}"
    plays = state.chat.service.of_character is not None
    app = FastAPI(
        title=f"chatbot {state.name}",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{prefix}/openapi.json",
        openapi_tags=[
            {"name": name, "description": what}
            for name, what in _PARTS.items()
            if plays or name != "characters"
        ],
        # A redirect would name the scheme and host that this process sees, not those that the client used.
        redirect_slashes=False,
    )
    app.include_router(health_router(state))
    app.include_router(pages_router(state.chat.service, state.chat.backends["Llama"].sampling), prefix=prefix)
    app.include_router(performance_router(state), prefix=prefix)
    app.include_router(importing_router(state), prefix=prefix)
    app.include_router(rooms_router(state), prefix=prefix)
    app.include_router(summaries_router(state), prefix=prefix)
    if plays:
        app.include_router(characters_router(state), prefix=prefix)
    app.include_router(resuming_router(state), prefix=prefix)
    app.include_router(openai_router(state), prefix=prefix)
    app.include_router(questions_router(state), prefix=prefix)

    def absent(scope: Scope) -> NoReturn:
        folder, _, name = scope["path"].rpartition("/")
        if scope["method"] == "POST" and folder == prefix and is_alias(name):
            # A question to a model that there is none of: raises UnknownModel, which names the known ones.
            state.chat.backend(name)
        raise HTTPException(404)

    known = tuple(app.routes)
    app.routes.append(UnmatchedRoute(f"{prefix}/v1", Unmatched(known, openai_absent), OpenAIRoute))
    app.routes.append(UnmatchedRoute("", Unmatched(known, absent)))
    errors.install(app, state.name)
    app.add_middleware(PlainRequest)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "X-Request-Id",
                AFFINITY_HEADER,
                "X-Finish",
                "Last-Event-ID",
                "X-Keep",
                "X-Prompt-Report",
            ],
            expose_headers=_EXPOSED,
        )
    app.add_middleware(RequestContext, statistics=state.chat.statistics)
    return app
