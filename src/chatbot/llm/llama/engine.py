"""The engine's thread: takes commands, steps, delivers, and survives what a decode may do to it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from chatbot.domain.errors import ChatbotError, DeadlineExceeded, Draining, ModelFailed
from chatbot.domain.messages import FinishReason, Token
from chatbot.domain.models import EngineMeter
from chatbot.llm.llama.context import Context, Logits
from chatbot.llm.llama.delivery import Delivery
from chatbot.llm.llama.prefix_cache import Rules
from chatbot.llm.llama.roster import Roster
from chatbot.llm.llama.sampler import Sampler
from chatbot.llm.llama.stepper import ContextBroken, Sinks, Stepper
from chatbot.llm.llama.stream import Stream
from chatbot.llm.llama.vocabulary import Vocabulary
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.scheduler import Scheduler

_LOGGER = logging.getLogger("chatbot.llm.llama")

_REBUILDS = 3
"""Contexts rebuilt without a single good step between, after which the engine gives up."""

_STALL_SECONDS = 10.0
_STALL_STEPS = 50
"""Work and no step for this long, or for so many usual steps, means the engine hangs."""

_RATE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the engine works with."""

    new_context: Callable[[], Context]
    context: Context
    vocabulary: Vocabulary
    scheduler: Scheduler
    speeds: Speeds
    meter: EngineMeter
    rules: Rules
    sequences: int
    tiled: bool


class Engine:
    """Runs on one thread by ``run``; ``submit``, ``cancel`` and ``stop`` may be called from any other."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._context = parts.context
        self._delivery = Delivery()
        self._commands: deque[tuple[str, Stream]] = deque()
        self._called = threading.Condition()
        self._stopping = False
        self._roster = Roster(parts.context, parts.sequences, parts.rules, parts.scheduler)
        sinks = Sinks(
            sample=self._sample,
            fail=self._fail,
            preempted=parts.meter.preempted,
            stepped=parts.meter.step,
            flush=self._delivery.flush,
        )
        self._stepper = Stepper(parts.context, self._roster, parts.speeds, sinks, tiled=parts.tiled)
        self._rebuilds = 0
        self._progress = time.monotonic()
        self._busy = False
        self._rates: deque[tuple[float, int]] = deque(maxlen=1024)
        self._generated = 0
        line_feeds = {token for count in range(1, 9) for token in parts.vocabulary.template("\n" * count)}
        self._silent = sorted(parts.vocabulary.end_tokens | line_feeds)

    @property
    def kv_used(self) -> int:
        """Cells in use, parked rooms included."""
        return self._context.memory.used

    @property
    def kv_total(self) -> int:
        """Cells of the pool."""
        return self._context.memory.total

    @property
    def host_cache_bytes(self) -> int:
        """Size of the rooms that left the pool."""
        return self._parts.rules.host.size

    @property
    def alive(self) -> bool:
        """False when there is work and no progress for many usual steps."""
        usual = self._parts.speeds.steps.seconds(self._parts.sequences) + self._stepper.prefill_seconds
        return not self._busy or time.monotonic() - self._progress < max(_STALL_SECONDS, _STALL_STEPS * usual)

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens of all users over the last seconds."""
        now = time.monotonic()
        recent = [(at, count) for at, count in list(self._rates) if now - at <= _RATE_SECONDS]
        return sum(count for _, count in recent) / _RATE_SECONDS

    def submit(self, stream: Stream) -> None:
        """Hand over a stream whose place is reserved."""
        self._command("submit", stream)

    def cancel(self, stream: Stream) -> None:
        """End a stream within a step; harmless when it has ended."""
        self._command("cancel", stream)

    def stop(self) -> None:
        """Let ``run`` return after the present step; streams still in it end with Draining."""
        with self._called:
            self._stopping = True
            self._called.notify()

    def run(self) -> None:
        """The loop. Returns after ``stop``.

        Raises:
            ContextBroken: the context failed again and again; all streams have been failed.
        """
        try:
            while not self._stopping:
                self._tidy()
                self._take_commands()
                if not self._stopping:
                    self._round()
        finally:
            self._end_all(Draining("the engine has stopped"))
            self._context.close()

    def _tidy(self) -> None:
        """While nobody asks, move rooms out of the pool: later it would be in somebody's way."""
        while not (self._commands or self._roster.running or self._stopping):
            if not self._roster.cache.retire_one():
                return

    def _round(self) -> None:
        now = time.monotonic()
        self._expire(now)
        self._roster.admit(now)
        self._roster.notify(now, self._delivery)
        if self._roster.running:
            try:
                self._stepper.step()
                self._rebuilds = 0
            except ContextBroken as error:
                self._rebuild(error)
        self._rates.append((time.monotonic(), self._generated))
        self._generated = 0
        self._progress = time.monotonic()
        self._delivery.flush()

    def _command(self, verb: str, stream: Stream) -> None:
        with self._called:
            self._commands.append((verb, stream))
            self._called.notify()

    def _take_commands(self) -> None:
        with self._called:
            while not (self._commands or self._roster.running or self._stopping):
                # Somebody may wait for another's prefix or for his deadline with nobody running.
                self._busy = bool(self._roster.waiting)
                self._called.wait(0.05 if self._busy else None)
                if self._busy:
                    break
            if not self._busy:
                self._progress = time.monotonic()
            self._busy = True
            commands = list(self._commands)
            self._commands.clear()
        for verb, stream in commands:
            if verb == "submit":
                self._roster.waiting[stream.ticket] = stream
            elif not stream.ended:
                self._leave(stream, complete=False)

    def _expire(self, now: float) -> None:
        for stream in self._roster.everyone():
            if now >= stream.ticket.deadline:
                self._fail(stream, DeadlineExceeded(stream.stage))

    def _sample(self, stream: Stream, row: Logits) -> None:
        self._roster.guard(stream)
        if stream.sampler is None:
            stream.sampler = Sampler(stream.sampling, self._parts.vocabulary.size)
            stream.sampler.accept(stream.tokens[-64:])
        if stream.prompt.endings.speaks and not stream.produced:
            row[self._silent] = float("-inf")
        try:
            token = stream.sampler.sample(row)
        except ModelFailed as error:
            self._roster.discard(stream)
            self._fail(stream, error)
            return
        now = time.monotonic()
        if stream.first is None:
            stream.first = now
            fresh = stream.prompt_length - stream.cached
            self._parts.speeds.fresh_share.saw(fresh, stream.prompt_length)
            self._parts.meter.started(*self._parts.scheduler.first_token(stream.ticket, now))
        if token in self._parts.vocabulary.end_tokens:
            self._finish(stream, FinishReason.STOP, now)
            return
        stream.tokens.append(token)
        stream.ticket.progress.produced += 1
        self._generated += 1
        self._say(stream, stream.text.feed(self._parts.vocabulary.piece(token)))
        if stream.text.stopped:
            self._finish(stream, FinishReason.STOP, now)
        elif stream.produced >= stream.max_tokens:
            self._finish(stream, FinishReason.LENGTH, now)

    def _finish(self, stream: Stream, reason: FinishReason, now: float) -> None:
        self._say(stream, stream.text.rest(unfinished=reason is FinishReason.LENGTH))
        end = stream.finish(reason, now)
        self._leave(stream, complete=True)
        self._delivery.put(stream.outbox, end)

    def _say(self, stream: Stream, text: str) -> None:
        if text:
            self._delivery.put(stream.outbox, Token(text))

    def _fail(self, stream: Stream, error: ChatbotError) -> None:
        self._leave(stream, complete=False)
        self._delivery.put(stream.outbox, error)

    def _leave(self, stream: Stream, *, complete: bool) -> None:
        """To be done before the last event is put: a reader may find it at once and ask the next question."""
        stream.ended = True
        self._roster.leave(stream)
        self._parts.scheduler.finished(stream.ticket, time.monotonic(), complete=complete)

    def _rebuild(self, error: ContextBroken) -> None:
        self._rebuilds += 1
        _LOGGER.error("the context failed (%s); rebuilding it, try %d", error, self._rebuilds)
        if self._rebuilds > _REBUILDS:
            self._end_all(ModelFailed(f"the engine failed for good: {error}"))
            raise error
        self._context.close()
        self._context = self._parts.new_context()
        self._roster.use(self._context)
        self._stepper.context = self._context

    def _end_all(self, error: ChatbotError) -> None:
        self._take_over_commands()
        for stream in self._roster.everyone():
            self._fail(stream, error)
        self._delivery.flush()

    def _take_over_commands(self) -> None:
        with self._called:
            for verb, stream in self._commands:
                if verb == "submit" and not stream.ended:
                    self._roster.waiting[stream.ticket] = stream
            self._commands.clear()
