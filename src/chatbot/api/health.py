"""Probes and metrics, on the service's own port only; the gateway never routes here."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from chatbot.api.state import ServiceState
from chatbot.domain.history import HistoryUnavailable
from chatbot.domain.history_ports import ChatHistory
from chatbot.domain.models import ModelState

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that only probes and collectors ask: answered however busy the listener is, and not logged."""


async def _state_of(history: ChatHistory) -> str:
    """ "reachable"; "away" when the database does not answer; "full" when no turn could be stored at all."""
    try:
        await history.ping()
    except HistoryUnavailable:
        return "away" if history.can_store() else "full"
    return "reachable" if history.can_store() else "full"


def health_router(state: ServiceState) -> APIRouter:
    """Liveness, readiness and the Prometheus page."""
    router = APIRouter(tags=["operations"], include_in_schema=False)

    @router.get("/healthz")
    async def live() -> JSONResponse:
        """Live at once; not live when there is work and the engine makes no progress."""
        status = state.llama.status()
        healthy = status.alive and status.state is not ModelState.FAILED
        return JSONResponse({"alive": healthy, "detail": status.detail}, 200 if healthy else 503)

    @router.get("/readyz")
    async def ready() -> JSONResponse:
        """Ready when the model is loaded; the body tells what else works."""
        status = state.llama.status()
        is_ready = status.state is ModelState.READY and not state.chat.draining
        body = {
            "ready": is_ready,
            "model": state.llama.name,
            "state": "draining" if state.chat.draining else status.state.value,
            "detail": status.detail,
            "history": await _state_of(state.history),
        }
        return JSONResponse(body, 200 if is_ready else 503, None if is_ready else {"Retry-After": "5"})

    @router.get("/metrics")
    async def metrics() -> Response:
        """The Prometheus text format."""
        return Response(state.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
