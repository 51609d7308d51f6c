"""One answer in the making, as the engine's thread sees it."""

import time
from dataclasses import dataclass, field

import numpy as np

from chatbot.domain.messages import Finished, FinishReason, Sampling, Usage
from chatbot.llm.llama.answer_text import AnswerText
from chatbot.llm.llama.delivery import Outbox
from chatbot.llm.llama.prefixes import Tokens
from chatbot.llm.llama.prompt import RenderedPrompt
from chatbot.llm.llama.sampler import Sampler
from chatbot.scheduling.ticket import Ticket


@dataclass(eq=False)
class Stream:
    """A request from the moment its prompt is known.

    ``tokens`` are all that the model has to read: the prompt and what was generated. ``done`` of them are in
    the KV pool under ``sequence``. One missing token means the answer grows; more mean prefill, whether of a
    fresh prompt or after a preemption: both are the same to the engine.
    """

    ticket: Ticket
    prompt: RenderedPrompt
    sampling: Sampling
    max_tokens: int
    outbox: Outbox
    tokens: list[int] = field(init=False)
    text: AnswerText = field(init=False)
    prompt_length: int = field(init=False)
    sequence: int | None = None
    guard: int | None = None
    done: int = 0
    cached: int = 0
    sampler: Sampler | None = None
    submitted: float = field(default_factory=time.monotonic)
    started: float | None = None
    first: float | None = None
    noticed: float = float("-inf")
    last_notice: tuple[int, int] | None = None
    ended: bool = False

    def __post_init__(self) -> None:
        self.tokens = list(self.prompt.tokens)
        self.prompt_length = len(self.tokens)
        self._prompt_ids = np.asarray(self.tokens, dtype=np.int32)
        self.text = AnswerText(self.prompt.endings, self.sampling.stop)

    @property
    def ids(self) -> Tokens:
        """All tokens as an array, for comparing with others."""
        return np.asarray(self.tokens, dtype=np.int32) if self.produced else self._prompt_ids

    @property
    def missing(self) -> int:
        """Tokens that the KV pool does not hold yet."""
        return len(self.tokens) - self.done

    @property
    def generating(self) -> bool:
        """Whether the next row of this stream is one generated token."""
        return self.first is not None and self.missing == 1

    @property
    def produced(self) -> int:
        """Generated tokens so far."""
        return len(self.tokens) - self.prompt_length

    @property
    def stage(self) -> str:
        """Where the request is, for DeadlineExceeded."""
        if self.sequence is None:
            return "queue"
        return "prefill" if self.first is None else "decode"

    def finish(self, reason: FinishReason, now: float) -> Finished:
        """The closing event, with times counted from when the prompt was known."""
        started = now if self.started is None else self.started
        first = now if self.first is None else self.first
        return Finished(
            reason=reason,
            usage=Usage(prompt=self.prompt_length, cached=self.cached, completion=self.produced),
            queue=max(0.0, started - self.submitted),
            prefill=max(0.0, first - started),
            decode=max(0.0, now - first),
            report=self.prompt.report,
        )
