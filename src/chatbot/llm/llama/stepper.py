"""One step of the engine: a token for everyone who generates, and prefill in what time is left.

Streaming users must not wait for somebody's long prompt, so prefill is cut to what the measured rate reads in
a quarter of a second. On a CPU attention works in tiles from 64 query rows, which makes mixed calls dear:
there the generating rows go in a call of their own, and are delivered, unless all rows stay below that size.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from chatbot.domain.errors import ModelFailed
from chatbot.llm.llama.context import Context, DecodeError, Logits
from chatbot.llm.llama.roster import Roster
from chatbot.llm.llama.stream import Stream
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.slices import UNTILED_ROWS, prefill_rows, share_out

_RETRIES = 64

Rows = list[tuple[Stream, int]]
"""Streams with the number of tokens that each brings to the call."""


class ContextBroken(Exception):
    """A decode failed so that the context cannot be trusted; everything must be computed again."""


@dataclass(frozen=True, slots=True)
class Sinks:
    """Where a step's results go."""

    sample: Callable[[Stream, Logits], None]
    fail: Callable[[Stream, ModelFailed], None]
    preempted: Callable[[], None]
    stepped: Callable[[int, float], None]
    flush: Callable[[], None]


class Stepper:
    """Plans and runs decode calls over the roster's running streams."""

    def __init__(
        self, context: Context, roster: Roster, speeds: Speeds, sinks: Sinks, *, tiled: bool
    ) -> None:
        self.context = context
        self._roster = roster
        self._speeds = speeds
        self._sinks = sinks
        self._tiled = tiled
        self.prefill_seconds = 0.25

    def step(self) -> None:
        """Advance everyone who runs."""
        generating = [stream for stream in self._roster.running if stream.generating]
        reading = [stream for stream in self._roster.running if not stream.generating]
        rows: Rows = [(stream, 1) for stream in generating]
        if not reading:
            self._timed(rows)
            return
        wanted = sum(stream.missing for stream in reading)
        allowed = prefill_rows(
            len(reading),
            len(rows),
            slice_seconds=self.prefill_seconds,
            token_seconds=self._speeds.prefill.seconds,
        )
        if not self._tiled or not rows or len(rows) + wanted <= UNTILED_ROWS:
            room = self.context.batch.capacity - len(rows)
            self._timed(rows + self._share_out(reading, min(allowed, room)))
            return
        self._timed(rows)
        self._sinks.flush()
        still = [stream for stream in reading if stream.sequence is not None]
        if still:
            self._timed(self._share_out(still, min(allowed, self.context.batch.capacity)))

    def _share_out(self, reading: list[Stream], budget: int) -> Rows:
        shares = share_out((stream.missing for stream in reading), budget)
        return [(stream, count) for stream, count in zip(reading, shares, strict=True) if count]

    def _timed(self, rows: Rows) -> None:
        generating = sum(1 for stream, _ in rows if stream.generating)
        read = sum(count for stream, count in rows if not stream.generating)
        self._roster.cache.make_way(read + generating)
        begun = time.monotonic()
        if not self._call(rows):
            return
        seconds = time.monotonic() - begun
        if not read:
            self._speeds.steps.saw(generating, seconds)
        elif read >= 8:
            # What the call would have cost without prefill is no part of the rate: else small chunks would
            # look slow, be made smaller and look slower still.
            alone = self._speeds.steps.seconds(generating) if generating else self._speeds.steps.base
            self._speeds.prefill.saw(read, max(seconds - alone, 0.2 * seconds))
        if generating:
            self._sinks.stepped(generating, seconds)

    def _call(self, rows: Rows) -> bool:
        """Decode and sample; False if nothing could be run."""
        for _ in range(_RETRIES):
            rows = self._with_room(rows)
            if not rows:
                return False
            batch = self.context.batch
            batch.clear()
            for stream, count in rows:
                tokens = stream.tokens[stream.done : stream.done + count]
                batch.add(_id(stream), stream.done, tokens, output=count == stream.missing)
            try:
                self.context.decode()
            except DecodeError as error:
                rows = self._after_error(error, rows)
            except ValueError as error:
                self._fail_bad(rows, error)
                return False
            else:
                self._advance(rows)
                return True
        raise ContextBroken("no call succeeded after many tries")

    def _advance(self, rows: Rows) -> None:
        sampled = []
        for stream, count in rows:
            self.context.memory.appended(_id(stream), count)
            stream.done += count
            progress = stream.ticket.progress
            progress.read = min(progress.fresh, progress.read + count)
            if not stream.missing:
                sampled.append(stream)
        if sampled:
            logits = self.context.logits()
            for row, stream in enumerate(sampled):
                self._sinks.sample(stream, logits[row])

    def _with_room(self, rows: Rows) -> Rows:
        """Make cells free for the rows: parked rooms go first, then the stream that started last."""
        memory = self.context.memory
        while memory.free < sum(count for _, count in rows):
            if self._roster.cache.evict_one():
                continue
            rows = self._without_victim(rows)
        return rows

    def _without_victim(self, rows: Rows) -> Rows:
        running = self._roster.running
        victim = max(running, key=lambda stream: stream.started or 0.0)
        if len(running) == 1:
            self._sinks.fail(victim, ModelFailed("one request alone does not fit the KV pool"))
        else:
            self._roster.preempt(victim)
            self._sinks.preempted()
        return [(stream, count) for stream, count in rows if stream is not victim]

    def _after_error(self, error: DecodeError, rows: Rows) -> Rows:
        if error.code == 1:
            # The count of cells says there is room, the library says not: believe it and make some.
            return rows if self._roster.cache.evict_one() else self._without_victim(rows)
        if error.code == 2:
            for stream, count in rows:
                self.context.memory.resync(_id(stream), count)
                stream.done = self.context.memory.length(_id(stream))
            return [(stream, min(count, stream.missing)) for stream, count in rows if stream.missing]
        if error.code == -1:
            return self._fail_bad(rows, error)
        raise ContextBroken(str(error)) from error

    def _fail_bad(self, rows: Rows, error: Exception) -> Rows:
        """The batch was refused unseen: end the stream whose rows are wrong, or all of them."""
        vocabulary = range(self.context.vocabulary)
        bad = [
            stream
            for stream, _ in rows
            if not self.context.memory.agrees(_id(stream)) or any(t not in vocabulary for t in stream.tokens)
        ] or [stream for stream, _ in rows]
        for stream in bad:
            failure = ModelFailed("the engine refused the rows of this request")
            failure.__cause__ = error
            self._sinks.fail(stream, failure)
        return [(stream, count) for stream, count in rows if stream not in bad]


def _id(stream: Stream) -> int:
    if stream.sequence is None:
        raise RuntimeError("a stream without a sequence cannot be decoded")
    return stream.sequence
