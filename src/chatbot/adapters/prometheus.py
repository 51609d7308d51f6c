"""The Prometheus page: the only module that knows prometheus_client.

Counters and histograms are pushed by the meters; what has a current value (queue, KV pool) is read when
the page is asked for.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from chatbot.domain.models import ChatModel
from chatbot.domain.search import SearchOutcome
from chatbot.domain.service_names import ServiceName
from chatbot.domain.telemetry import Outcome

_LATENCY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 90, 120, 180, 240)
_INTER_TOKEN = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_BATCH = (1, 2, 4, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128)
_RATIO = (0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5)


class _PrometheusServiceMeter:
    def __init__(self, metrics: "Metrics", service: ServiceName) -> None:
        name = str(service)
        self._outcomes = {outcome: metrics.requests.labels(name, outcome.value) for outcome in Outcome}
        self._passed_on = metrics.passed_on.labels(name)
        self._response = metrics.response.labels(name)
        self._first = metrics.first_token.labels(name)
        self._between = metrics.inter_token.labels(name)
        self._queue = metrics.queue.labels(name)
        self._generated = metrics.generated.labels(name)
        self._computed = metrics.prompt.labels(name, "computed")
        self._cached = metrics.prompt.labels(name, "cached")

    def finished(self, outcome: Outcome, seconds: float) -> None:
        self._outcomes[outcome].inc()
        if outcome is Outcome.SUCCESSFUL:
            self._response.observe(seconds)

    def passed_on(self) -> None:
        self._passed_on.inc()

    def first_token(self, seconds: float) -> None:
        self._first.observe(seconds)

    def inter_token(self, seconds: float) -> None:
        self._between.observe(seconds)

    def queued(self, seconds: float) -> None:
        self._queue.observe(seconds)

    def tokens(self, generated: int, computed: int, cached: int) -> None:
        self._generated.inc(generated)
        self._computed.inc(computed)
        self._cached.inc(cached)


class _PrometheusEngineMeter:
    def __init__(self, metrics: "Metrics", engine: str) -> None:
        self._sequences = metrics.sequences.labels(engine)
        self._steps = metrics.steps.labels(engine)
        self._drafted = metrics.drafted.labels(engine)
        self._accepted = metrics.accepted.labels(engine)
        self._saved = metrics.saved.labels(engine)
        self._preemptions = metrics.preemptions.labels(engine)
        self._error = metrics.prediction.labels(engine)

    def step(self, sequences: int, seconds: float) -> None:
        self._sequences.observe(sequences)
        self._steps.observe(seconds)

    def drafted(self, tokens: int, accepted: int, saved: float) -> None:
        self._drafted.inc(tokens)
        self._accepted.inc(accepted)
        self._saved.inc(saved)

    def preempted(self) -> None:
        self._preemptions.inc()

    def started(self, predicted: float, actual: float) -> None:
        # Relative to the longer of the two, at least a second: errors of milliseconds are no errors.
        self._error.observe(abs(predicted - actual) / max(predicted, actual, 1.0))


class Metrics:
    """One process's metrics, in a registry of its own so that tests and services do not share counts."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        service, engine = ["service"], ["engine"]
        self.requests = Counter(
            "chatbot_requests",
            "Validated questions by how they ended",
            ["service", "outcome"],
            registry=registry,
        )
        self.passed_on = Counter(
            "chatbot_passed_on", "Questions left to another process", service, registry=registry
        )
        self.response = Histogram(
            "chatbot_response_seconds", "Arrival to last token", service, registry=registry, buckets=_LATENCY
        )
        self.first_token = Histogram(
            "chatbot_time_to_first_token_seconds",
            "Arrival to first token",
            service,
            registry=registry,
            buckets=_LATENCY,
        )
        self.inter_token = Histogram(
            "chatbot_inter_token_seconds",
            "Between two pieces of an answer",
            service,
            registry=registry,
            buckets=_INTER_TOKEN,
        )
        self.queue = Histogram(
            "chatbot_queue_seconds", "Waiting for a place", service, registry=registry, buckets=_LATENCY
        )
        self.generated = Counter("chatbot_generated_tokens", "Tokens generated", service, registry=registry)
        self.prompt = Counter(
            "chatbot_prompt_tokens", "Prompt tokens by source", ["service", "source"], registry=registry
        )
        self.sequences = Histogram(
            "chatbot_decode_sequences", "Sequences in a step", engine, registry=registry, buckets=_BATCH
        )
        self.steps = Histogram(
            "chatbot_step_seconds", "Time of a step", engine, registry=registry, buckets=_INTER_TOKEN
        )
        self.drafted = Counter(
            "chatbot_drafted_tokens", "Tokens that free rows computed on a guess", engine, registry=registry
        )
        self.accepted = Counter(
            "chatbot_accepted_tokens", "Drafted tokens that were right", engine, registry=registry
        )
        # A gauge, since a step whose drafts were wrong takes some of it back.
        self.saved = Gauge(
            "chatbot_drafts_saved_seconds", "Time that drafts saved so far", engine, registry=registry
        )
        self.preemptions = Counter(
            "chatbot_preemptions", "Sequences put back for want of KV", engine, registry=registry
        )
        self.prediction = Histogram(
            "chatbot_wait_prediction_error_ratio",
            "Predicted against real wait",
            engine,
            registry=registry,
            buckets=_RATIO,
        )
        self.searches = Counter(
            "chatbot_search", "Searches by provider and outcome", ["provider", "outcome"], registry=registry
        )
        self._model_ends = Gauge(
            "chatbot_openai_model_shutdown_timestamp_seconds",
            "When upstream shuts an alias's model down, as far as it is known (Unix time, UTC midnight)",
            ["alias", "model"],
            registry=registry,
        )
        self._active = Gauge("chatbot_active_requests", "Questions under way", service, registry=registry)
        self._queued = Gauge("chatbot_queue_size", "Questions waiting", service, registry=registry)
        self._pending = Gauge(
            "chatbot_history_pending_turns",
            "Turns kept until the database is back",
            service,
            registry=registry,
        )
        self._uptime = Gauge("chatbot_uptime_seconds", "Since the start", service, registry=registry)
        self._kv_used = Gauge("chatbot_kv_tokens_used", "KV pool in use", engine, registry=registry)
        self._kv_total = Gauge("chatbot_kv_tokens_total", "KV pool", engine, registry=registry)
        self._host_cache = Gauge(
            "chatbot_host_cache_bytes", "Conversations that left the KV pool", engine, registry=registry
        )

    def service_meter(self, service: ServiceName) -> _PrometheusServiceMeter:
        """The meter of one service; its series exist from the start, so that rates need no first event."""
        return _PrometheusServiceMeter(self, service)

    def engine_meter(self, engine: str) -> _PrometheusEngineMeter:
        """The meter of one engine."""
        return _PrometheusEngineMeter(self, engine)

    def searched(self, provider: str, outcome: SearchOutcome) -> None:
        """Count one provider's answer."""
        self.searches.labels(provider, outcome.value).inc()

    def model_ends(self, alias: str, model: str, day: date | None) -> None:
        """Show the day on which an alias's model is shut down; None when none is known any more."""
        if day is None:
            with suppress(KeyError):
                self._model_ends.remove(alias, model)
        else:
            midnight = datetime.combine(day, time(), UTC)
            self._model_ends.labels(alias, model).set(midnight.timestamp())

    def watch_service(
        self,
        service: ServiceName,
        *,
        active: Callable[[], float],
        queued: Callable[[], float],
        pending: Callable[[], float],
        uptime: Callable[[], float],
    ) -> None:
        """Read these when the page is asked for."""
        name = str(service)
        self._active.labels(name).set_function(active)
        self._queued.labels(name).set_function(queued)
        self._pending.labels(name).set_function(pending)
        self._uptime.labels(name).set_function(uptime)

    def watch_engine(self, model: ChatModel) -> None:
        """Read the engine's KV pool when the page is asked for."""
        self._kv_used.labels(model.name).set_function(lambda: model.status().kv_used)
        self._kv_total.labels(model.name).set_function(lambda: model.status().kv_total)
        self._host_cache.labels(model.name).set_function(lambda: model.status().host_cache_bytes)

    def page(self) -> bytes:
        """The page in the Prometheus text format."""
        return generate_latest(self.registry)
