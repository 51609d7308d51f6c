"""Opens everything a process needs, in order, and closes it in reverse; the one place that knows all parts.

Services that name the same model file share one engine. Nothing waits for the model: it loads on the
engine's own thread while the process already answers its probes.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chatbot.adapters.history.opening import open_history
from chatbot.adapters.key_watch import WatchedKeys, open_keys
from chatbot.adapters.packaged_model import NAME as PACKAGED
from chatbot.adapters.packaged_model import packaged_model
from chatbot.adapters.persona_files import LLAMA_FILE, OPENAI_FILE, read_personas
from chatbot.adapters.prometheus import Metrics
from chatbot.adapters.search.opening import open_search
from chatbot.api.state import ServiceState
from chatbot.core.chat import Chat
from chatbot.core.context import ContextBuilder
from chatbot.core.reply import Backend
from chatbot.core.statistics import Statistics
from chatbot.core.summaries import SummaryWriter
from chatbot.core.turns import TurnWriter
from chatbot.domain.config import ANSWER_RESERVE, EngineConfig, ServiceConfig
from chatbot.domain.errors import StartupError
from chatbot.domain.history_ports import ChatHistory
from chatbot.domain.redaction import redact
from chatbot.domain.service_names import ServiceName
from chatbot.domain.vram import KvType
from chatbot.llm.llama.engine_model import LlamaModel, open_llama
from chatbot.llm.openai.opening import open_openai
from chatbot.server.settings import Settings
from chatbot.services.registry import PERSONA_TEXTS, SERVICES

_log = logging.getLogger(__name__)

LLAMA_ALIAS = "Llama"


@dataclass(slots=True)
class Suite:
    """Everything that is open."""

    services: Mapping[ServiceName, ServiceState]
    """The services of this process."""

    engines: Mapping[ServiceName, LlamaModel]
    """The engine behind each; services of one model file have the same."""

    keys: WatchedKeys | None
    """The API keys; None: no key is asked."""

    def reload_keys(self) -> None:
        """Read the keys file again now, whether it looks changed or not: what SIGHUP asks for."""
        if self.keys is not None:
            self.keys.reload()

    async def wait_loaded(self) -> None:
        """Return when every model is loaded; raise StartupError, naming the setting, when one cannot be."""
        await asyncio.gather(*(self._loaded(name) for name in self.engines))

    async def _loaded(self, name: ServiceName) -> None:
        try:
            await self.engines[name].wait_ready()
        except StartupError as error:
            raise StartupError(f"{_variable(name)}: {error}") from error

    async def drain(self, seconds: float) -> None:
        """Refuse new questions and return when those under way have ended and are stored, or time is up."""
        for engine in self.engines.values():
            engine.drain()
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(state.chat.drain() for state in self.services.values()))
        except TimeoutError:
            _log.warning("drain_timed_out", extra={"seconds": seconds})


def _variable(name: ServiceName) -> str:
    """The variable that names a service's model."""
    return f"CHATBOT_{name.upper()}__MODEL"


def model_path(name: ServiceName, config: ServiceConfig, folder: Path, tell: Callable[[str], None]) -> Path:
    """The GGUF file that a service names.

    Raises:
        StartupError: there is no such file; the sentence says where it was looked for.
    """
    if config.model == PACKAGED:
        return packaged_model(folder, tell)
    for path in (Path(config.model), folder / config.model):
        if path.is_file():
            return path.resolve()
    raise StartupError(
        f"{_variable(name)}: there is no model file {config.model}, neither as a path nor in {folder}: "
        "put it there, or run `chatbot models download`"
    )


def engine_configs(
    settings: Settings, names: Sequence[ServiceName], tell: Callable[[str], None]
) -> dict[ServiceName, EngineConfig]:
    """The engine of each service; those of one file, card and KV type get the same, large enough for all."""
    groups: dict[tuple[Path, int, int | Literal["auto"], KvType], list[ServiceName]] = {}
    for name in names:
        config = settings.service(name)
        path = model_path(name, config, settings.models_folder, tell)
        groups.setdefault((path, config.gpu, config.gpu_layers, config.kv_type), []).append(name)
    cards = Counter(gpu for _, gpu, gpu_layers, _ in groups if gpu_layers != 0)
    engines: dict[ServiceName, EngineConfig] = {}
    for (path, gpu, gpu_layers, kv_type), sharing in groups.items():
        configs = [settings.service(name) for name in sharing]
        packaged = configs[0].model == PACKAGED
        engine = EngineConfig(
            model_path=path,
            name=PACKAGED if packaged else path.stem,
            context_tokens=max(config.context_tokens for config in configs),
            pool_tokens=_larger_pool([config.pool_tokens for config in configs]),
            kv_type=kv_type,
            host_cache_mib=max(config.host_cache_mib for config in configs),
            parallel=max(config.parallel for config in configs),
            speculation=all(config.speculation for config in configs),
            gpu_layers=gpu_layers,
            gpu=gpu,
            card_sharers=max(1, cards[gpu]),
            threads=max(config.threads for config in configs),
        )
        if 0 < engine.pool_tokens < engine.context_tokens:
            service = sharing[0].upper()
            raise StartupError(
                f"CHATBOT_{service}__POOL_TOKENS={engine.pool_tokens} holds less than one conversation "
                f"(CHATBOT_{service}__CONTEXT_TOKENS={engine.context_tokens})"
            )
        engines.update(dict.fromkeys(sharing, engine))
    return engines


def _larger_pool(sizes: Sequence[int]) -> int:
    """The pool for all of them; one that is left open (0) leaves it open."""
    return 0 if 0 in sizes else max(sizes)


def _redacted(text: str) -> str:
    return redact(text)[0]


@asynccontextmanager
async def open_suite(
    settings: Settings,
    names: Sequence[ServiceName] = tuple(SERVICES),
    tell: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Suite]:
    """Open the services of one process; on leaving, close everything in reverse order.

    Raises:
        StartupError: something is missing or wrong, as one sentence.
    """
    configs = engine_configs(settings, names, tell)
    llama_personas = read_personas(LLAMA_FILE, settings.prompts_dir, PERSONA_TEXTS)
    openai_personas = read_personas(OPENAI_FILE, settings.prompts_dir, PERSONA_TEXTS)
    keys = open_keys(settings.access.keys_file)
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        if keys is not None:
            stack.push_async_callback(keys.note)
            watching = asyncio.create_task(keys.watch())
            stack.callback(watching.cancel)
        history = await open_history(settings.history, settings.data_dir)
        stack.push_async_callback(history.close)
        search = open_search(settings.search, metrics.searched, redact=_redacted)
        stack.push_async_callback(search.close)
        foreign = open_openai(settings.openai, redact=_redacted, on_end=metrics.model_ends)
        stack.push_async_callback(foreign.close)
        checking = asyncio.create_task(foreign.keep_checking())
        stack.callback(checking.cancel)

        engines: dict[EngineConfig, LlamaModel] = {}
        for config in set(configs.values()):
            engine = open_llama(config, settings.queue, metrics.engine_meter(config.name))
            stack.push_async_callback(asyncio.to_thread, engine.close)
            metrics.watch_engine(engine)
            engines[config] = engine

        writers: dict[LlamaModel, SummaryWriter] = {}
        for name in names:
            engine = engines[configs[name]]
            if settings.service(name).summaries and engine not in writers:
                writers[engine] = SummaryWriter(history, engine)
                writing = asyncio.create_task(writers[engine].work())
                stack.callback(writing.cancel)

        services: dict[ServiceName, ServiceState] = {}
        for name in names:
            llama = engines[configs[name]]
            sampling = settings.service(name).sampling()
            room = configs[name].context_tokens - ANSWER_RESERVE
            writer = writers.get(llama) if settings.service(name).summaries else None
            backends = {LLAMA_ALIAS: Backend(llama, llama_personas[name], sampling, room, writer)}
            personas = openai_personas[name]
            for alias, model in foreign.items():
                room = settings.openai.aliases[alias].context_tokens - ANSWER_RESERVE
                backends[alias] = Backend(model, personas, sampling, room)
            chat = Chat(
                SERVICES[name],
                backends,
                ContextBuilder(history, search, settings.search.budget_seconds),
                TurnWriter(history),
                Statistics(metrics.service_meter(name)),
                settings.deadline_seconds,
            )
            _watch(metrics, chat, history)
            services[name] = ServiceState(chat, llama, history, keys, metrics.page)
        yield Suite(services, {name: engines[configs[name]] for name in names}, keys)


def _watch(metrics: Metrics, chat: Chat, history: ChatHistory) -> None:
    """Let the metrics page show the same numbers as the performance page."""
    statistics = chat.statistics
    metrics.watch_service(
        chat.service.name,
        active=lambda: statistics.active,
        queued=chat.queue_size,
        pending=history.pending,
        uptime=lambda: statistics.uptime,
    )
