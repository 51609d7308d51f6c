"""One answer in the making, as the engine's thread sees it."""

import time
from dataclasses import dataclass, field

import numpy as np

from chatbot.domain.messages import Finished, FinishReason, Usage
from chatbot.llm.llama.answer_text import AnswerText
from chatbot.llm.llama.delivery import Outbox
from chatbot.llm.llama.draft_source import DraftSource
from chatbot.llm.llama.logprobs import ShownTokens
from chatbot.llm.llama.prefixes import Tokens
from chatbot.llm.llama.prompt import RenderedPrompt
from chatbot.llm.llama.sampler import Sampler
from chatbot.scheduling.ticket import Ticket


@dataclass(eq=False)
class Stream:
    """A request from the moment its prompt is known.

    The event loop that reads the answer makes it and hands it to the engine with its outbox; from then on
    only the engine's thread reads and writes it.
    """

    ticket: Ticket
    """Its place, and its progress as the scheduler sees it."""
    prompt: RenderedPrompt
    sampler: Sampler
    """Has seen the prompt; kept through preemptions."""
    stops: tuple[str, ...]
    """The client's stop strings."""
    outbox: Outbox
    """Where its events go."""
    answer: int
    """Which of the answers to its question it is, from 0."""
    shown: ShownTokens | None
    """What is told of its tokens; None where the client does not ask."""
    tokens: list[int] = field(init=False)
    """All that the model has to read: the prompt and what was generated."""
    text: AnswerText = field(init=False)
    """The generated tokens as text."""
    prompt_length: int = field(init=False)
    """Tokens of the prompt."""
    sequence: int | None = None
    """The id under which the pool holds its tokens; None while it waits."""
    guard: int | None = None
    """The second id on its cells, see PrefixCache.guard."""
    done: int = 0
    """How many of ``tokens`` are in the pool."""
    cached: int = 0
    """Tokens of the prompt that were found in a cache when it first started."""
    draft_source: DraftSource = field(default_factory=DraftSource)
    """Guesses of its next tokens."""
    submitted: float = field(default_factory=time.monotonic)
    """Monotonic seconds at which the prompt was known."""
    started: float | None = None
    """Monotonic seconds at which it first left the queue."""
    first: float | None = None
    """Monotonic seconds of its first token."""
    noticed: float = float("-inf")
    """Monotonic seconds at which the client was last told where it stands."""
    last_notice: tuple[int, int] | None = None
    """What it was told: position and seconds."""
    ended: bool = False
    """Whether it has left the engine."""

    def __post_init__(self) -> None:
        self.tokens = list(self.prompt.tokens)
        self.prompt_length = len(self.tokens)
        self._prompt_ids = np.asarray(self.tokens, dtype=np.int32)
        self.text = AnswerText(self.prompt.endings, self.stops)

    @property
    def ids(self) -> Tokens:
        """All tokens as an array, for comparing with others."""
        return np.asarray(self.tokens, dtype=np.int32) if self.produced else self._prompt_ids

    @property
    def missing(self) -> int:
        """Tokens that the KV pool does not hold yet.

        One missing token means that the answer grows; more mean prefill, whether of a fresh prompt or after a
        preemption: both are the same to the engine.
        """
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

    def advance(self, count: int) -> None:
        """So many more of the tokens are in the pool."""
        self.done += count
        progress = self.ticket.progress
        progress.read = min(progress.fresh, progress.read + count)

    def append(self, token: int) -> None:
        """A token was generated."""
        self.tokens.append(token)
        self.ticket.progress.produced += 1

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
            answer=self.answer,
        )
