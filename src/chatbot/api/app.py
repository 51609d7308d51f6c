"""One service as an ASGI application: its routes under its prefix, health beside them."""

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from chatbot import __version__
from chatbot.api import errors
from chatbot.api.health import health_router
from chatbot.api.middleware import Envelope
from chatbot.api.openai_face import openai_router
from chatbot.api.pages import pages_router
from chatbot.api.performance import performance_router
from chatbot.api.questions import questions_router
from chatbot.api.rooms import rooms_router
from chatbot.api.state import ServiceState

_EXPOSED = (
    "X-Request-Id",
    "X-Model",
    "X-Db-Id",
    "X-Search-Status",
    "X-AI-Generated",
    "X-History",
    "X-Finish-Reason",
    "Link",
    "Server-Timing",
    "X-Prompt-Report",
    "Retry-After",
)


def create_app(state: ServiceState, cors_origins: Sequence[str] = ()) -> FastAPI:
    """Build the application of one service; nothing is opened here."""
    prefix = f"/{state.name}"
    app = FastAPI(
        title=f"chatbot {state.name}",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{prefix}/openapi.json",
    )
    # The order matters: the alias route takes every other name.
    app.include_router(health_router(state))
    app.include_router(pages_router(state.chat.service.name), prefix=prefix)
    app.include_router(performance_router(state), prefix=prefix)
    app.include_router(rooms_router(state), prefix=prefix)
    app.include_router(openai_router(state), prefix=prefix)
    app.include_router(questions_router(state), prefix=prefix)
    errors.install(app, state.name)
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-Id", "X-Finish", "X-Prompt-Report"],
            expose_headers=_EXPOSED,
        )
    app.add_middleware(Envelope, statistics=state.chat.statistics)
    return app
