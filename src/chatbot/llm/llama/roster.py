"""Who is in the engine: streams that run, each with a sequence id, and streams that wait."""

from chatbot.domain.messages import Waiting
from chatbot.llm.llama.context import Context, parking_ids
from chatbot.llm.llama.delivery import Delivery
from chatbot.llm.llama.prefix_cache import Match, ParkingPolicy, PrefixCache
from chatbot.llm.llama.prefixes import common_prefix
from chatbot.llm.llama.stream import Stream
from chatbot.scheduling.scheduler import Scheduler, StartDecision
from chatbot.scheduling.ticket import Ticket

_WORTH_WAITING = 32
"""Tokens that another stream is about to compute, for which a like prompt waits a step."""

_NOTICE_SECONDS = 1.0


class Roster:
    """Moves streams between waiting and running, and their tokens between computed and parked."""

    def __init__(self, context: Context, sequences: int, policy: ParkingPolicy, scheduler: Scheduler) -> None:
        self.running: list[Stream] = []
        self.waiting: dict[Ticket, Stream] = {}
        self._scheduler = scheduler
        self._policy = policy
        self._sequences = sequences
        self._free_ids = list(range(sequences))
        self.use(context)

    def use(self, context: Context) -> None:
        """Take a new context after the old one broke: nothing is computed, running streams prefill again."""
        self._memory = context.memory
        self.cache = PrefixCache(context.memory, parking_ids(self._sequences), self._policy)
        for stream in self.running:
            stream.done = 0
            stream.guard = None

    @property
    def full(self) -> bool:
        """Whether several streams run and no further one could."""
        return not self._free_ids and len(self.running) > 1

    def guard(self, stream: Stream) -> None:
        """The prompt is computed: from here on a sliding window would leave cells of it behind."""
        if stream.sequence is not None and stream.guard is None:
            stream.guard = self.cache.guard(stream.sequence, stream.done)

    def trim(self, stream: Stream) -> None:
        """Give up what the pool holds of a draft beyond the stream's own tokens."""
        if stream.sequence is not None and not self._memory.truncate(stream.sequence, stream.done):
            # A memory that can only be emptied: the tokens are computed again.
            self.discard(stream)

    def admit(self, now: float) -> None:
        """Start whoever may start."""
        while self._free_ids and self.waiting:
            ticket = self._scheduler.next(self._judge)
            if ticket is None:
                return
            self._start(self.waiting.pop(ticket), now)

    def leave(self, stream: Stream) -> None:
        """The stream is over: what it computed is parked, its place in the batch is free."""
        self.waiting.pop(stream.ticket, None)
        if stream.sequence is not None:
            self.running.remove(stream)
            self.trim(stream)
            self.cache.park(stream.sequence, stream.tokens, stream.guard)
            self._release(stream)
        stream.sampler.close()

    def discard(self, stream: Stream) -> None:
        """Throw away what a running stream computed, so that nobody shares it."""
        if stream.sequence is not None:
            self.cache.discard(stream.sequence, stream.guard)
            stream.guard = None
            stream.done = 0

    def preempt(self, stream: Stream) -> None:
        """Put a running stream back among the waiting; it keeps its text and its sampler, not its cells.

        What it computed goes to the host cache, from where it resumes.
        """
        sequence = stream.sequence
        if sequence is None:
            raise RuntimeError("a stream that does not run cannot be preempted")
        self.running.remove(stream)
        self.cache.swap_out(sequence, stream.tokens, stream.guard)
        self._release(stream)
        stream.done = 0
        self.waiting[stream.ticket] = stream
        self._scheduler.requeue(stream.ticket)

    def notify(self, now: float, delivery: Delivery) -> None:
        """Tell those who wait where they stand, each at most once a second and only news."""
        if not any(now - stream.noticed >= _NOTICE_SECONDS for stream in self.waiting.values()):
            return
        for ticket, position, eta in self._scheduler.queue_positions(now):
            stream = self.waiting.get(ticket)
            if stream is None or now - stream.noticed < _NOTICE_SECONDS:
                continue
            stream.noticed = now
            if stream.last_notice != (position, round(eta)):
                stream.last_notice = (position, round(eta))
                delivery.put(stream.outbox, Waiting(position=position, eta=eta))

    def start_aside(self, stream: Stream) -> bool:
        """Give a sequence to a stream that has no place and is none of those that run.

        It shares what is known of its prompt; no room leaves the pool for it. False, and nothing done, where
        too few cells hold nothing.
        """
        match, _ = self._best_match(stream)
        keep = _of_use(match, stream)
        missing = len(stream.tokens) - (min(match.shared, keep) if match else 0)
        needed = max(missing + stream.ticket.progress.max_tokens, self.cache.cells_to_adopt(match, keep))
        if not self._free_ids or self._memory.free < needed:
            return False
        self._take_sequence(stream, match)
        stream.cached = stream.done
        return True

    def dismiss(self, stream: Stream) -> None:
        """The stream is over, and nobody keeps what it computed."""
        self.discard(stream)
        self._release(stream)
        stream.sampler.close()

    def everyone(self) -> list[Stream]:
        """All streams."""
        return [*self.running, *self.waiting.values()]

    def _judge(self, ticket: Ticket) -> StartDecision:
        stream = self.waiting.get(ticket)
        if stream is None:
            return StartDecision.LATER
        match, coming = self._best_match(stream)
        known = min(match.length, len(stream.tokens) - 1) if match else 0
        if coming - known >= _WORTH_WAITING:
            return StartDecision.LATER
        if not self.running:
            return StartDecision.START
        held = self._memory.held(s.sequence for s in self.running if s.sequence is not None)
        growth = sum(self._scheduler.expected(s.ticket) + s.missing for s in self.running)
        # What a running stream holds is counted as held; a parked room becomes so with this one.
        shared = min(match.shared, known) if match and not match.parked else 0
        needed = len(stream.tokens) - shared + self._scheduler.expected(ticket)
        return StartDecision.START if held + growth + needed <= self._memory.total else StartDecision.NO_ROOM

    def _best_match(self, stream: Stream) -> tuple[Match | None, int]:
        """What can be shared now, and the length of what another stream is about to compute."""
        tokens = stream.ids
        best, coming = self.cache.match(tokens), 0
        for other in self.running:
            alike = common_prefix(other.ids, tokens)
            length = min(alike, other.done)
            if other.sequence is not None and length > (best.length if best else 0):
                best = Match(length, length, other.sequence)
            if other.missing > 1:
                coming = max(coming, min(alike, len(tokens) - 1))
        return self.cache.extended(best, tokens), coming

    def _start(self, stream: Stream, now: float) -> None:
        stream.started = now if stream.started is None else stream.started
        self._take_sequence(stream, self._best_match(stream)[0])
        if not stream.produced:
            stream.cached = stream.done
        stream.ticket.progress.fresh = len(stream.tokens) - stream.done
        self.running.append(stream)

    def _take_sequence(self, stream: Stream, match: Match | None) -> None:
        """Give the stream a sequence that holds what is known of its tokens."""
        stream.sequence, stream.done = self._free_ids.pop(), 0
        keep = _of_use(match, stream)
        if match and keep:
            stream.done = self.cache.adopt(match, stream.sequence, keep)

    def _release(self, stream: Stream) -> None:
        if stream.sequence is not None:
            self._free_ids.append(stream.sequence)
            stream.sequence = stream.guard = None


def _of_use(match: Match | None, stream: Stream) -> int:
    """How many tokens of the match the stream can have.

    Its last one is always computed anew: its logits are where the answer begins.
    """
    return min(match.length, len(stream.tokens) - 1) if match else 0
