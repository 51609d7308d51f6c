"""The answers of the streams that run: their next tokens, what their clients are told, and how they end."""

import time
from collections.abc import Sequence
from itertools import zip_longest

from chatbot.domain.errors import ChatbotError, ModelFailed
from chatbot.domain.messages import FinishReason, Token, TokenLogprobs
from chatbot.domain.models import EngineMeter
from chatbot.llm.llama.constraint import ConstraintExhausted
from chatbot.llm.llama.context import Logits
from chatbot.llm.llama.delivery import Delivery
from chatbot.llm.llama.logprobs import logprobs_of
from chatbot.llm.llama.pieces import Endings
from chatbot.llm.llama.roster import Roster
from chatbot.llm.llama.stream import Stream
from chatbot.llm.llama.vocabulary import Vocabulary
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.scheduler import Scheduler


class Answering:
    """Writes the answers, on the engine's thread."""

    def __init__(
        self,
        roster: Roster,
        delivery: Delivery,
        vocabulary: Vocabulary,
        scheduler: Scheduler,
        speeds: Speeds,
        meter: EngineMeter,
    ) -> None:
        self._roster = roster
        self._delivery = delivery
        self._vocabulary = vocabulary
        self._scheduler = scheduler
        self._speeds = speeds
        self._meter = meter
        # Tokens since somebody set it back to 0.
        self.generated = 0
        line_feeds = {token for count in range(1, 9) for token in vocabulary.template("\n" * count)}
        self._ends = sorted(vocabulary.end_tokens)
        self._silent = sorted(vocabulary.end_tokens | line_feeds)

    def grow(self, stream: Stream, rows: Sequence[Logits], draft: Sequence[int] = ()) -> int:
        """Choose the next tokens by their rows of logits and tell the client what that makes certain.

        The rows are sampled one after another, as if each had come from a call of its own, and none behind
        the first token that was not guessed: so the sampler never has to go back.

        Args:
            stream: Whose answer.
            rows: What follows its last token, and what follows each token of the draft if it is right.
            draft: Tokens that were guessed to follow.

        Returns:
            How many of the draft were right.
        """
        self._roster.guard(stream)
        accepted = 0
        for row, guess in zip_longest(rows, draft):
            self._add_token(stream, row)
            if stream.ended or stream.tokens[-1] != guess:
                break
            stream.advance(1)
            accepted += 1
        self._roster.trim(stream)
        return accepted

    def _add_token(self, stream: Stream, row: Logits) -> None:
        """Sample one row, add its token to the answer, and end the answer where that token ends it."""
        # What is told of the tokens is what the model computed, before anything is ruled out or penalised.
        computed = row if stream.shown is None else row.copy()
        if not stream.produced:
            row[self._never_first(stream.prompt.endings)] = float("-inf")
        try:
            token = stream.sampler.sample(row)
        except ModelFailed as error:
            self._roster.discard(stream)
            self.fail(stream, error)
            return
        except ConstraintExhausted:
            token = None
        now = time.monotonic()
        if stream.first is None:
            self._begin(stream, now)
        if token is None:
            # What there is of it may be of use, and the limit that it met is one of its form's.
            self._finish(stream, FinishReason.LENGTH, now)
            return
        if token in self._vocabulary.end_tokens:
            self._finish(stream, FinishReason.STOP, now)
            return
        stream.append(token)
        self.generated += 1
        piece = self._vocabulary.piece(token)
        if stream.shown is not None:
            told = logprobs_of(computed, token, stream.shown.alternatives, self._vocabulary)
            stream.shown.add(piece, told)
        self._say(stream, stream.text.feed(piece))
        if stream.text.stopped or stream.sampler.complete:
            self._finish(stream, FinishReason.STOP, now)
        elif stream.produced >= stream.ticket.progress.max_tokens:
            self._finish(stream, FinishReason.LENGTH, now)

    def _never_first(self, endings: Endings) -> list[int]:
        """The tokens that an answer with these endings never begins with."""
        if endings.speaks:
            return self._silent
        return self._ends if endings.continues else []

    def fail(self, stream: Stream, error: ChatbotError) -> None:
        """End the stream with an error for its client, who is told what it has seen of a token already."""
        self._say(stream, "", last=True)
        self.leave(stream, complete=False)
        self._delivery.put(stream.outbox, error)

    def leave(self, stream: Stream, *, complete: bool) -> None:
        """Free what the stream holds; ``complete`` when its answer ended by itself.

        To be done before the last event is put: a reader may find it at once and ask the next question.
        """
        stream.ended = True
        self._roster.leave(stream)
        self._scheduler.finished(stream.ticket, time.monotonic(), complete=complete)

    def _begin(self, stream: Stream, now: float) -> None:
        stream.first = now
        self._speeds.fresh_share.saw(stream.prompt_length - stream.cached, stream.prompt_length)
        self._meter.started(*self._scheduler.first_token(stream.ticket, now))

    def _finish(self, stream: Stream, reason: FinishReason, now: float) -> None:
        self._say(stream, stream.text.rest(unfinished=reason is FinishReason.LENGTH), last=True)
        end = stream.finish(reason, now)
        self.leave(stream, complete=True)
        self._delivery.put(stream.outbox, end)

    def _say(self, stream: Stream, text: str, *, last: bool = False) -> None:
        told: tuple[TokenLogprobs, ...] = ()
        if stream.shown is not None:
            told = stream.shown.settle(stream.text.skipped, text)
            told += stream.shown.end() if last else ()
        if text or told:
            self._delivery.put(stream.outbox, Token(text, told, stream.answer))
