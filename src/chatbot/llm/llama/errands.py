"""Errands: what the engine writes while nobody asks, one at a time, in cells that hold nothing.

An errand has no place, so the scheduler, its promises and speeds, and every number that users see know
nothing of it. It is given up within a step when somebody gets a place, and what it computed is thrown away,
so that no room leaves the pool for it. Its calls compute no drafts and read little of a prompt at once:
whoever comes waits for one of them.
"""

from chatbot.domain.errors import ChatbotError, GaveWay, ModelFailed, NoFreeCells
from chatbot.llm.llama.answering import Answering
from chatbot.llm.llama.context import Context, DecodeError, Logits
from chatbot.llm.llama.roster import Roster
from chatbot.llm.llama.stream import Stream
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.scheduler import Scheduler
from chatbot.scheduling.slices import errand_rows


class ErrandAnswers(Answering):
    """Writes the texts of errands as answers are written, and tells nobody who counts."""

    def add_token(self, stream: Stream, row: Logits) -> None:
        """Choose the next token by its row of logits."""
        self._add_token(stream, row)

    def leave(self, stream: Stream, *, complete: bool) -> None:  # noqa: ARG002 (nobody counts how it ended)
        """See Answering; nothing is parked."""
        stream.ended = True
        self._roster.dismiss(stream)

    def _begin(self, stream: Stream, now: float) -> None:
        stream.first = now


class Errands:
    """The errand under way, if there is one; on the engine's thread."""

    def __init__(self, roster: Roster, answers: ErrandAnswers, scheduler: Scheduler, speeds: Speeds) -> None:
        self._roster = roster
        self._answers = answers
        self._scheduler = scheduler
        self._speeds = speeds
        self._stream: Stream | None = None

    @property
    def under_way(self) -> bool:
        """Whether there is one."""
        return self._stream is not None

    def begin(self, stream: Stream) -> None:
        """Begin with an errand, or give it up at once."""
        if self.under_way or self._scheduler.places():
            self._answers.fail(stream, GaveWay("the engine is at work"))
        elif not self._roster.start_aside(stream):
            self._answers.fail(stream, NoFreeCells("the pool has no free cells for it"))
        else:
            self._stream = stream

    def give_way(self) -> None:
        """Give the errand up if somebody has a place."""
        if self.under_way and self._scheduler.places():
            self.end(GaveWay("somebody asks"))

    def end(self, error: ChatbotError) -> None:
        """Give the errand up, if there is one."""
        stream, self._stream = self._stream, None
        if stream is not None and not stream.ended:
            self._answers.fail(stream, error)

    def cancel(self, stream: Stream) -> None:
        """Give this errand up, if it is the one that is under way."""
        if stream is self._stream:
            self.end(GaveWay("it is not wanted any more"))

    def step(self, context: Context) -> str:
        """One call for the errand.

        Returns:
            Why the context cannot be trusted any more, so that it must be made anew; else empty.
        """
        stream = self._stream
        if stream is None or stream.sequence is None:
            return ""
        usual = errand_rows(self._speeds.steps.seconds(1), self._speeds.prefill.seconds)
        count = min(stream.missing, usual, context.batch.capacity)
        last = count == stream.missing
        if context.memory.free < count:
            self.end(NoFreeCells("the pool has no free cells for it"))
            return ""
        context.batch.clear()
        try:
            tokens = stream.tokens[stream.done : stream.done + count]
            context.batch.add(stream.sequence, stream.done, tokens, outputs=int(last))
            context.decode()
        except (DecodeError, ValueError) as error:
            return self._refused(error, context, stream.sequence, count)
        context.memory.appended(stream.sequence, count)
        stream.advance(count)
        if last:
            self._answers.add_token(stream, context.logits()[0])
            if stream.ended:
                self._stream = None
        return ""

    def _refused(self, error: DecodeError | ValueError, context: Context, sequence: int, count: int) -> str:
        """After a call that failed; see Stepper.decode for what its codes mean."""
        code = error.code if isinstance(error, DecodeError) else -1
        if code in (1, 2):
            # An aborted call may leave a part of its rows behind.
            context.memory.resync(sequence, count)
            self.end(GaveWay("the call was not completed"))
            return ""
        failure = ModelFailed("the engine refused the rows of an errand")
        failure.__cause__ = error
        self.end(failure)
        return "" if code == -1 else str(error)
