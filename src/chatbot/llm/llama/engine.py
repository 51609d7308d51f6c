"""The engine's thread: takes commands, steps, delivers, and survives what a decode may do to it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from chatbot.domain.errors import ChatbotError, DeadlineExceeded, Draining, ModelFailed
from chatbot.domain.messages import FinishReason
from chatbot.domain.models import EngineMeter
from chatbot.llm.llama.answering import Answering
from chatbot.llm.llama.context import Context
from chatbot.llm.llama.delivery import Delivery
from chatbot.llm.llama.drafting import Drafter
from chatbot.llm.llama.errands import ErrandAnswers, Errands
from chatbot.llm.llama.prefix_cache import ParkingPolicy
from chatbot.llm.llama.roster import Roster
from chatbot.llm.llama.stepper import DecodedCall, Stepper
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


class ContextBroken(Exception):
    """Context after context failed; the message says how the last one did."""


@dataclass(frozen=True, slots=True)
class Submit:
    """Begin with a stream whose place is reserved and whose prompt is known."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Cancel:
    """End a stream within a step; harmless when it has ended."""

    stream: Stream


@dataclass(frozen=True, slots=True)
class Undertake:
    """Begin with an errand, whose prompt is known and which has no place; see Errands."""

    stream: Stream


Command = Submit | Cancel | Undertake


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """What an engine is built from."""

    new_context: Callable[[], Context]
    """Makes another context like ``context``, after that one broke."""
    context: Context
    vocabulary: Vocabulary
    scheduler: Scheduler
    """Decides who starts; told of every first token and end."""
    speeds: Speeds
    """Measured as the engine runs."""
    meter: EngineMeter
    policy: ParkingPolicy
    sequences: int
    """Streams that may run at once."""
    tiled: bool
    """See Stepper."""
    speculation: bool
    """Whether free rows compute drafts."""


class Engine:
    """Runs on one thread by ``run``; ``send``, ``stop`` and the properties may be used from any other."""

    def __init__(self, setup: EngineSetup) -> None:
        self._setup = setup
        self._context = setup.context
        self._delivery = Delivery()
        self._commands: deque[Command] = deque()
        self._called = threading.Condition()
        self._stopping = False
        self._roster = Roster(setup.context, setup.sequences, setup.policy, setup.scheduler)
        parts = (
            self._roster,
            self._delivery,
            setup.vocabulary,
            setup.scheduler,
            setup.speeds,
            setup.meter,
        )
        self._answers = Answering(*parts)
        self._errands = Errands(self._roster, ErrandAnswers(*parts), setup.scheduler, setup.speeds)
        drafter = Drafter(setup.speeds.rows, setup.vocabulary.end_tokens) if setup.speculation else None
        self._stepper = Stepper(setup.context, self._roster, setup.speeds, drafter, tiled=setup.tiled)
        self._rebuilds = 0
        self._progress = time.monotonic()
        self._busy = False
        self._rates: deque[tuple[float, int]] = deque(maxlen=1024)

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
        return self._setup.policy.host_cache.size

    @property
    def alive(self) -> bool:
        """False when there is work and no progress for many usual steps."""
        usual = self._setup.speeds.steps.seconds(self._setup.sequences) + self._stepper.prefill_seconds
        return not self._busy or time.monotonic() - self._progress < max(_STALL_SECONDS, _STALL_STEPS * usual)

    @property
    def tokens_per_second(self) -> float:
        """Generated tokens of all users over the last seconds."""
        now = time.monotonic()
        recent = [(at, count) for at, count in list(self._rates) if now - at <= _RATE_SECONDS]
        return sum(count for _, count in recent) / _RATE_SECONDS

    def send(self, command: Command) -> None:
        """Let the engine take the command before its next step."""
        with self._called:
            self._commands.append(command)
            self._called.notify()

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

    @property
    def _has_work(self) -> bool:
        return bool(self._roster.running) or self._errands.under_way

    def _tidy(self) -> None:
        """While nobody asks, move rooms out of the pool: later it would be in somebody's way."""
        while not (self._commands or self._roster.running or self._stopping):
            if not self._roster.cache.retire_one():
                return

    def _round(self) -> None:
        now = time.monotonic()
        self._errands.give_way()
        self._expire(now)
        self._roster.admit(now)
        self._roster.notify(now, self._delivery)
        if self._roster.running:
            self._step()
        elif self._errands.under_way:
            self._step_aside()
        self._rates.append((time.monotonic(), self._answers.generated))
        self._answers.generated = 0
        self._progress = time.monotonic()
        self._delivery.flush()

    def _step(self) -> None:
        for rows in self._stepper.plan():
            call = self._stepper.decode(rows)
            self._act_on(call)
            if call.broken:
                self._rebuild(call.broken)
                return
            # Who has a token gets it before the next call, which may be a long one.
            self._delivery.flush()
        self._rebuilds = 0

    def _step_aside(self) -> None:
        if broken := self._errands.step(self._context):
            self._rebuild(broken)
        else:
            self._rebuilds = 0

    def _act_on(self, call: DecodedCall) -> None:
        for _ in range(call.preempted):
            self._setup.meter.preempted()
        for stream, error in call.failed:
            self._answers.fail(stream, error)
        if call.ready:
            rows = iter(self._context.logits())
            for stream in call.ready:
                draft = call.drafts.get(stream, [])
                before = stream.sampler.mask_times.total
                accepted = self._answers.grow(stream, list(islice(rows, 1 + len(draft))), draft)
                self._stepper.masks.spend(stream.sampler.mask_times.total - before, 1 + accepted)
                call.accepted += accepted
        if call.ran:
            seconds = time.monotonic() - call.begun
            self._stepper.learn(call, seconds)
            if call.generating:
                self._setup.meter.step(call.generating, seconds)
            if call.drafts:
                saved = self._setup.speeds.rows.saved(call.generating, call.accepted, seconds)
                self._setup.meter.drafted(call.drafted, call.accepted, saved)

    def _take_commands(self) -> None:
        with self._called:
            while not (self._commands or self._has_work or self._stopping):
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
        for command in commands:
            match command:
                case Submit(stream):
                    self._roster.waiting[stream.ticket] = stream
                case Undertake(stream):
                    self._errands.begin(stream)
                case Cancel(stream):
                    self._errands.cancel(stream)
                    if not stream.ended:
                        self._answers.leave(stream, complete=False)

    def _expire(self, now: float) -> None:
        for stream in self._roster.everyone():
            if now >= stream.ticket.deadline:
                begun = stream.finish(FinishReason.STOPPED, now)
                self._answers.fail(stream, DeadlineExceeded(stream.stage, begun))

    def _rebuild(self, reason: str) -> None:
        self._rebuilds += 1
        _LOGGER.error("the context failed (%s); rebuilding it, try %d", reason, self._rebuilds)
        if self._rebuilds > _REBUILDS:
            self._end_all(ModelFailed(f"the engine failed for good: {reason}"))
            raise ContextBroken(reason)
        self._context.close()
        self._context = self._setup.new_context()
        self._roster.use(self._context)
        self._stepper.context = self._context

    def _end_all(self, error: ChatbotError) -> None:
        self._take_over_commands()
        self._errands.end(error)
        for stream in self._roster.everyone():
            self._answers.fail(stream, error)
        self._delivery.flush()

    def _take_over_commands(self) -> None:
        with self._called:
            for command in self._commands:
                if isinstance(command, Submit) and not command.stream.ended:
                    self._roster.waiting[command.stream.ticket] = command.stream
                elif isinstance(command, Undertake):
                    self._errands.begin(command.stream)
            self._commands.clear()
