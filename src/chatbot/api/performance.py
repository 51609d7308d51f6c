"""``GET /{service}/performance``: the service's own numbers (contract §2.4)."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from chatbot.api.state import ServiceState


class Performance(BaseModel):
    """Counters since the start; times in seconds, success_rate in percent of answered and failed ones."""

    service_type: str
    total_requests: int = Field(description="Validated questions.")
    successful_requests: int
    failed_requests: int
    refused_requests: int = Field(description="Refused with 429, or with 400 as not answerable as it stands.")
    cancelled_requests: int = Field(description="The client left before the answer.")
    active_requests: int
    active_connections: int = Field(description="HTTP requests under way, this one included.")
    queue_size: int = Field(description="Questions that wait for their first step.")
    avg_response_time: float
    success_rate: float
    uptime_seconds: float
    p50_response_time: float
    p95_response_time: float
    p99_response_time: float
    tokens_per_second: float = Field(description="Generated tokens a second of the engine now.")
    time_to_first_token: float = Field(description="Mean of the latest 2,048 answers.")
    model: str
    kv_used: int = Field(description="Tokens in the engine's KV pool, of all its services.")
    kv_total: int


def performance_router(state: ServiceState) -> APIRouter:
    """The route; it takes no key, since it holds counts only."""
    router = APIRouter(tags=["operations"])

    @router.get("/performance", summary="Statistics of this service")
    async def performance() -> Performance:
        status = state.llama.status()
        return Performance.model_validate(
            {
                **state.chat.statistics.summary(),
                "service_type": state.name,
                "queue_size": state.chat.queue_size(),
                "tokens_per_second": round(status.tokens_per_second, 2),
                "model": state.llama.name,
                "kv_used": status.kv_used,
                "kv_total": status.kv_total,
            }
        )

    return router
