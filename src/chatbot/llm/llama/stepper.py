"""One step of the engine: a token for everyone who generates, and prefill in what time is left.

Streaming users must not wait for somebody's long prompt, so prefill is cut to what the measured rate reads in
a quarter of a second. On a CPU attention works in tiles from 64 query rows, which makes mixed calls dear:
there the generating rows go in a call of their own, unless all rows stay below that size.

The stepper plans a step's calls and makes them; it chooses no token and tells nobody. What a call did is
returned, and the engine acts upon it before the next call.
"""

import time
from dataclasses import dataclass, field

from chatbot.domain.errors import ModelFailed
from chatbot.llm.llama.context import Context, DecodeError
from chatbot.llm.llama.drafting import Drafter, Drafts
from chatbot.llm.llama.roster import Roster
from chatbot.llm.llama.stream import Stream
from chatbot.scheduling.mask_budget import MaskBudget
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.slices import UNTILED_ROWS, prefill_rows, share_out
from chatbot.scheduling.tuning import DEAR_MASK

_TRIES = 64
"""Calls of llama_decode that did nothing before the context counts as broken."""

Rows = list[tuple[Stream, int]]
"""Streams with the number of tokens that each brings to the call."""


@dataclass(slots=True)
class DecodedCall:
    """What came of one call."""

    generating: int
    """Rows planned for answers, one token each, drafts apart."""
    read: int
    """Rows planned for prompts."""
    begun: float
    """Monotonic seconds at which it began."""
    ran: bool = False
    """Whether anything was computed."""
    drafts: Drafts = field(default_factory=dict)
    """What was computed beyond the streams' own tokens."""
    ready: list[Stream] = field(default_factory=list)
    """Streams whose next token can be chosen, in the order of the rows of logits; where a stream has a draft,
    a row for each of its tokens follows."""
    accepted: int = 0
    """Tokens of the drafts that were chosen, too."""
    failed: list[tuple[Stream, ModelFailed]] = field(default_factory=list)
    """Streams that cannot go on, and why."""
    preempted: int = 0
    """Streams that were put back in the queue because the pool was full."""
    broken: str = ""
    """Why the context cannot be trusted any more, so that everything must be computed again; else empty."""

    @property
    def drafted(self) -> int:
        """Rows of drafts."""
        return sum(map(len, self.drafts.values()))


class Stepper:
    """Plans and makes decode calls over the roster's running streams."""

    def __init__(
        self, context: Context, roster: Roster, speeds: Speeds, drafter: Drafter | None, *, tiled: bool
    ) -> None:
        """``tiled`` says that attention works in tiles, as on a CPU; no ``drafter``, no drafts."""
        self.context = context
        self._roster = roster
        self._speeds = speeds
        self._drafter = drafter
        self._tiled = tiled
        self.prefill_seconds = 0.25
        self.masks = MaskBudget()
        """What the masks of answers may take of the others' time."""

    def plan(self) -> list[Rows]:
        """The calls that advance everyone who runs: one, or first the answers and then the prompts.

        Answers whose masks the others cannot afford now rest. The prompts of such are read but for their last
        token, behind which the first mask is due: others may wait for what they have in common.
        """
        running = self._roster.running
        awake = self._affordable(running)
        answers: Rows = [(stream, 1) for stream in awake if stream.generating]
        resting = set(running).difference(awake)
        prompts = [
            (stream, stream.missing - (stream in resting)) for stream in running if not stream.generating
        ]
        reading = [(stream, wanted) for stream, wanted in prompts if wanted]
        if not reading:
            return [answers]
        allowed = prefill_rows(
            len(reading),
            len(answers),
            slice_seconds=self.prefill_seconds,
            token_seconds=self._speeds.prefill.seconds,
        )
        capacity = self.context.batch.capacity
        rows = len(answers) + sum(wanted for _, wanted in reading)
        if not self._tiled or not answers or rows <= UNTILED_ROWS:
            return [answers + _shared_out(reading, min(allowed, capacity - len(answers)))]
        return [answers, _shared_out(reading, min(allowed, capacity))]

    def decode(self, rows: Rows) -> DecodedCall:
        """One call; streams that an earlier call of the step has preempted stay out of it."""
        rows = [(stream, count) for stream, count in rows if stream.sequence is not None]
        generating = sum(1 for stream, _ in rows if stream.generating)
        read = sum(count for stream, count in rows if not stream.generating)
        self._roster.cache.make_way(generating + read)
        call = DecodedCall(generating, read, time.monotonic())
        rows = self._with_room(rows, call)
        call.drafts = self._drafts(rows, call)
        for _ in range(_TRIES):
            if not rows:
                return call
            self._fill_batch(rows, call.drafts)
            try:
                self.context.decode()
            except DecodeError as error:
                if error.code == 1:
                    rows = self._with_more_room(rows, call)
                elif error.code == 2:
                    rows = self._resynced(rows, call.drafts)
                    call.drafts = {}
                elif error.code == -1:
                    return self._refused(rows, error, call)
                else:
                    call.broken = str(error)
                    return call
            except ValueError as error:
                return self._refused(rows, error, call)
            else:
                self._advance(rows, call)
                return call
        call.broken = "no call succeeded after many tries"
        return call

    def learn(self, call: DecodedCall, seconds: float) -> None:
        """Let a call that ran, sampling included, correct the measured speeds.

        A step with drafts is none by which waits are foretold: its speed would vanish when the batch fills.
        """
        if not call.read:
            self._speeds.rows.saw(call.generating + call.drafted, seconds)
            if not call.drafts:
                self._speeds.steps.saw(call.generating, seconds)
        elif call.read >= 8:
            # What the call would have cost without prefill is no part of the rate: else small chunks would
            # look slow, be made smaller and look slower still.
            steps = self._speeds.steps
            alone = steps.seconds(call.generating) if call.generating else steps.base
            self._speeds.prefill.saw(call.read, max(seconds - alone, 0.2 * seconds))

    def _affordable(self, running: list[Stream]) -> list[Stream]:
        """Those whose masks are not dear, and of the others whom the least was spent on; all if all are."""
        dear = [stream for stream in running if stream.sampler.mask_times.usual > DEAR_MASK]
        if len(dear) == len(running):
            # Nobody else has been held up.
            self.masks = MaskBudget()
            return running
        dear.sort(key=lambda stream: stream.sampler.mask_times.total)
        times = [stream.sampler.mask_times.usual for stream in dear]
        resting = set(dear[self.masks.affordable(times, time.monotonic()) :])
        return [stream for stream in running if stream not in resting]

    def _drafts(self, rows: Rows, call: DecodedCall) -> Drafts:
        """What free rows and free cells compute beside the answers' own tokens.

        Nothing while somebody reads a prompt, who would wait for it, or while all sequences are taken.
        """
        memory = self.context.memory
        somebody_reads = call.read or any(stream.missing > 1 for stream in self._roster.running)
        if self._drafter is None or somebody_reads or self._roster.full or not memory.cuts:
            return {}
        return self._drafter.choose([stream for stream, _ in rows], memory.free - len(rows))

    def _fill_batch(self, rows: Rows, drafts: Drafts) -> None:
        batch = self.context.batch
        batch.clear()
        for stream, count in rows:
            tokens = stream.tokens[stream.done : stream.done + count]
            outputs = int(count == stream.missing)
            draft = drafts.get(stream, [])
            batch.add(_id(stream), stream.done, tokens + draft, outputs=outputs + len(draft))

    def _advance(self, rows: Rows, call: DecodedCall) -> None:
        call.ran = True
        for stream, count in rows:
            self.context.memory.appended(_id(stream), count + len(call.drafts.get(stream, [])))
            stream.advance(count)
            if not stream.missing:
                call.ready.append(stream)

    def _with_room(self, rows: Rows, call: DecodedCall) -> Rows:
        """Make cells free for the rows: parked rooms go first, then the stream that started last."""
        memory = self.context.memory
        while memory.free < sum(count for _, count in rows):
            if not self._roster.cache.evict_one():
                rows = self._without_victim(rows, call)
        return rows

    def _with_more_room(self, rows: Rows, call: DecodedCall) -> Rows:
        """The library finds no room where the count of cells says there is: drafts go first."""
        if call.drafts:
            call.drafts = {}
            return rows
        return rows if self._roster.cache.evict_one() else self._without_victim(rows, call)

    def _without_victim(self, rows: Rows, call: DecodedCall) -> Rows:
        running = self._roster.running
        victim = max(running, key=lambda stream: stream.started or 0.0)
        if len(running) == 1:
            call.failed.append((victim, ModelFailed("one request alone does not fit the KV pool")))
        else:
            self._roster.preempt(victim)
            call.preempted += 1
        return [(stream, count) for stream, count in rows if stream is not victim]

    def _resynced(self, rows: Rows, drafts: Drafts) -> Rows:
        """After an aborted call: what is left of the rows beyond the positions that the library kept.

        Nothing is kept of drafts, nor of a last token, whose logits are lost.
        """
        memory = self.context.memory
        for stream, count in rows:
            memory.resync(_id(stream), count + len(drafts.get(stream, [])))
            stream.done = min(memory.length(_id(stream)), len(stream.tokens) - 1)
            self._roster.trim(stream)
        return [(stream, min(count, stream.missing)) for stream, count in rows]

    def _refused(self, rows: Rows, error: Exception, call: DecodedCall) -> DecodedCall:
        """The batch was refused unseen: the stream whose rows are wrong fails, or all of them.

        The others lose nothing but this step.
        """
        vocabulary = range(self.context.vocabulary)
        bad = [
            stream
            for stream, _ in rows
            if not self.context.memory.agrees(_id(stream)) or any(t not in vocabulary for t in stream.tokens)
        ] or [stream for stream, _ in rows]
        for stream in bad:
            failure = ModelFailed("the engine refused the rows of this request")
            failure.__cause__ = error
            call.failed.append((stream, failure))
        return call


def _shared_out(reading: Rows, budget: int) -> Rows:
    shares = share_out([wanted for _, wanted in reading], budget)
    return [(stream, count) for (stream, _), count in zip(reading, shares, strict=True) if count]


def _id(stream: Stream) -> int:
    if stream.sequence is None:
        raise RuntimeError("a stream without a sequence cannot be decoded")
    return stream.sequence
