"""The local model as the rest of the suite knows it: a ChatModel whose work happens on one thread.

llama_cpp is imported on that thread: it takes most of a second, which the process's start need not wait for.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from chatbot.domain.config import EngineConfig, QueueConfig
from chatbot.domain.errors import ChatbotError, Draining, Loading, StartupError, Unavailable
from chatbot.domain.messages import Conversation, Finished, GenerationEvent, Prompted, PromptReport, Sampling
from chatbot.domain.models import AdmissionRequest, EngineMeter, ModelState, ModelStatus, NextCut
from chatbot.domain.service_names import ServiceName
from chatbot.llm.llama.cpu import yield_while_waiting
from chatbot.scheduling.admission import Limits
from chatbot.scheduling.ticket import Ticket

if TYPE_CHECKING:
    from chatbot.llm.llama.prompt import RenderedPrompt
    from chatbot.llm.llama.ready_model import ReadyModel
    from chatbot.llm.llama.stream import Stream

_LOGGER = logging.getLogger("chatbot.llm.llama")

_RENDERERS = 4
"""Threads that turn conversations into tokens, off the event loop. More than one, so that a long conversation
holds up no short one: most of the work leaves the interpreter's lock. Few, because the engine computes on the
same cores."""

_LOOK_SECONDS = 0.25
"""How often who waits for quiet looks whether anybody has a place."""

_Made = TypeVar("_Made")


def open_llama(config: EngineConfig, queue: QueueConfig, meter: EngineMeter) -> "LlamaModel":
    """Start loading a model on a thread of its own and return at once."""
    model = LlamaModel(config, Limits(queue.max_waiting, queue.max_per_user), meter)
    model.start()
    return model


class LlamaModel:
    """Implements ChatModel and IdleModel on a GGUF file."""

    def __init__(
        self, config: EngineConfig, limits: Limits, meter: EngineMeter, *, exact: bool = False
    ) -> None:
        """Prepare; ``start`` loads. ``exact`` asks for slow arithmetic that tests can compare."""
        self._config = config
        self._exact = exact
        self._limits = limits
        self._meter = meter
        self._loaded: Future[ReadyModel] = Future()
        self._failure = ""
        self._draining = False
        self._thread = threading.Thread(target=self._work, name=f"engine-{config.name}", daemon=True)
        self._errands: set[Stream] = set()
        self._renderer = ThreadPoolExecutor(_RENDERERS, thread_name_prefix="prompts")

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    @property
    def name(self) -> str:
        """See ChatModel."""
        return self._config.name

    @property
    def lacks(self) -> frozenset[str]:
        """See ChatModel."""
        return frozenset()

    @property
    def continues(self) -> bool:
        """See ChatModel."""
        return True

    def status(self) -> ModelStatus:
        """See ChatModel."""
        if self._failure:
            return ModelStatus(ModelState.FAILED, self._failure, alive=False)
        if not self._loaded.done():
            return ModelStatus(ModelState.LOADING, f"loading {self._config.model_path.name}")
        engine = self._loaded.result().engine
        return ModelStatus(
            state=ModelState.DRAINING if self._draining else ModelState.READY,
            alive=engine.alive,
            kv_used=engine.kv_used,
            host_cache_bytes=engine.host_cache_bytes,
            kv_total=engine.kv_total,
            tokens_per_second=engine.tokens_per_second,
        )

    def queue_size(self, service: ServiceName) -> int:
        """See ChatModel."""
        return self._ready().scheduler.waiting(service) if self._is_ready() else 0

    def reserve(self, request: AdmissionRequest) -> "LlamaPlace":
        """See ChatModel."""
        model = self._admitting()
        return LlamaPlace(model, model.reserve(request), self._renderer)

    def render(self, conversation: Conversation) -> "RenderedPrompt":
        """The conversation as tokens, without a place; for reports and tests.

        Raises:
            PromptTooLong: it does not fit even without earlier turns.
        """
        return self._ready().prompter.render(conversation)

    def measure(self, conversation: Conversation) -> PromptReport:
        """What would enter the prompt, without a place; for a dry run."""
        return self.render(conversation).report

    async def next_cut(self, conversation: Conversation) -> NextCut | None:
        """See IdleModel."""
        prompter = self._admitting().prompter
        return await _elsewhere(self._renderer, prompter.next_cut, conversation)

    async def errand(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[GenerationEvent, None]:
        """See IdleModel."""
        prepare = self._admitting().prepare
        prompt, (sampler,) = await _elsewhere(self._renderer, prepare, conversation, sampling, [None])
        model = self._admitting()
        stream = model.undertake(prompt, sampler, sampling)
        self._errands.add(stream)
        try:
            yield Prompted(prompt.report)
            ended = False
            while not ended:
                for item in await stream.outbox.take():
                    if isinstance(item, ChatbotError):
                        raise item
                    ended = isinstance(item, Finished)
                    yield item
        finally:
            self._errands.discard(stream)
            model.cancel(stream)

    async def quiet(self, seconds: float) -> None:
        """See IdleModel."""
        since = time.monotonic()
        while True:
            if self._admitting().scheduler.places():
                since = time.monotonic()
            elif time.monotonic() - since >= seconds:
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def wait_ready(self) -> None:
        """Wait until the model is loaded.

        Raises:
            StartupError: it could not be loaded.
        """
        await asyncio.shield(asyncio.wrap_future(self._loaded))

    def drain(self) -> None:
        """Refuse new requests from now on; those with a place are finished, errands given up."""
        self._draining = True
        for stream in self._errands:
            self._loaded.result().cancel(stream)

    async def wait_idle(self) -> None:
        """Wait until no place is taken."""
        if not self._is_ready():
            return
        loop, idle = asyncio.get_running_loop(), asyncio.Event()
        self._loaded.result().scheduler.when_empty(lambda: loop.call_soon_threadsafe(idle.set))
        await idle.wait()

    def close(self) -> None:
        """Stop the thread and free the model; streams still running end with Draining."""
        self._draining = True
        if self._thread.ident is not None:
            try:
                self._loaded.result().engine.stop()
            except StartupError:
                _LOGGER.debug("closing a model that was never loaded")
            self._thread.join()
        self._renderer.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        yield_while_waiting()
        from chatbot.llm.llama.loading import FORESEEN, load

        try:
            loaded = load(self._config, self._limits, self._meter, exact=self._exact)
        except Exception as error:
            trace = not isinstance(error, FORESEEN)
            _LOGGER.exception("cannot load %s", self._config.model_path, exc_info=trace)
            self._failure = f"the model {self._config.name} cannot be loaded: {error}"
            self._loaded.set_exception(StartupError(self._failure))
            return
        self._loaded.set_result(loaded)
        try:
            loaded.engine.run()
        except Exception as error:
            # The thread ends here; liveness turns false and the process is replaced.
            _LOGGER.exception("the engine of %s ended", self._config.name)
            self._failure = f"the engine failed: {error}"
        finally:
            loaded.close()

    def _is_ready(self) -> bool:
        return self._loaded.done() and self._loaded.exception() is None

    def _ready(self) -> "ReadyModel":
        if self._failure:
            raise Unavailable(self._failure, retry_after=30)
        if not self._loaded.done():
            raise Loading(f"{self._config.name} is being loaded")
        return self._loaded.result()

    def _admitting(self) -> "ReadyModel":
        loaded = self._ready()
        if self._draining:
            raise Draining("the service is leaving", retry_after=10)
        return loaded


class LlamaPlace:
    """What is reserved for a question: a place for each answer; see the port."""

    def __init__(self, model: "ReadyModel", tickets: "list[Ticket]", renderer: ThreadPoolExecutor) -> None:
        self._model = model
        self._tickets = tickets
        self._renderer = renderer
        self._used = False

    async def generate(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[GenerationEvent, None]:
        """See Place."""
        if self._used:
            raise RuntimeError("a place serves one generation")
        self._used = True
        model, tickets = self._model, self._tickets
        streams: list[Stream] = []
        try:
            formed = await model.grammars.constraints(sampling.form, len(tickets), tickets[0].caller)
            prompt, samplers = await _elsewhere(self._renderer, model.prepare, conversation, sampling, formed)
            streams = model.submit(tickets, prompt, samplers, conversation, sampling)
            yield Prompted(prompt.report)
            unfinished = len(streams)
            while unfinished:
                for item in await streams[0].outbox.take():
                    if isinstance(item, ChatbotError):
                        raise item
                    unfinished -= isinstance(item, Finished)
                    yield item
        finally:
            for stream in streams:
                model.cancel(stream)
            if not streams:
                self._give_up()

    def release(self) -> None:
        """See Place."""
        # A generation under way ends through its iterator, which knows the stream.
        if not self._used:
            self._give_up()

    def _give_up(self) -> None:
        for ticket in self._tickets:
            self._model.give_up(ticket)


async def _elsewhere(threads: ThreadPoolExecutor, work: Callable[..., _Made], *values: object) -> _Made:
    """What the work makes, off the event loop.

    Raises:
        Draining: the threads have ended.
    """
    try:
        making = asyncio.get_running_loop().run_in_executor(threads, work, *values)
    except RuntimeError:
        raise Draining("the engine has stopped") from None
    return await making
