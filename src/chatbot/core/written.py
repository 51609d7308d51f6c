"""What of the answers to one question is written so far."""

from dataclasses import dataclass, field, replace

from chatbot.core.statistics import TokenTimes
from chatbot.domain.messages import (
    Finished,
    FinishReason,
    GenerationEvent,
    Token,
    TokenLogprobs,
    Usage,
)


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """One of the answers to a question."""

    text: str
    """The texts of all its Token events."""

    reason: FinishReason
    """Why it ended; STOPPED when it did not end by itself."""

    logprobs: tuple[TokenLogprobs, ...]
    """What all its Token events tell of the tokens; empty where nobody asked."""


@dataclass(slots=True)
class _Answer:
    texts: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprobs] = field(default_factory=list)
    end: Finished | None = None


class Written:
    """Collects what a model generates for one question."""

    def __init__(self, answers: int, times: TokenTimes) -> None:
        """``answers`` is how many the question gets; ``times`` is told of each token of the first."""
        self._answers = [_Answer() for _ in range(answers)]
        self._times = times

    def note(self, event: GenerationEvent | None) -> None:
        """Take an event of the model, if there is one."""
        if isinstance(event, Finished):
            self._answers[event.answer].end = event
        elif isinstance(event, Token):
            answer = self._answers[event.answer]
            answer.texts.append(event.text)
            answer.logprobs += event.logprobs
            if event.answer == 0:
                self._times.token_leaves()

    @property
    def complete(self) -> bool:
        """Whether all answers have ended by themselves."""
        return all(answer.end for answer in self._answers)

    @property
    def choices(self) -> tuple[WrittenAnswer, ...]:
        """The answers, in their order."""
        return tuple(
            WrittenAnswer(
                "".join(answer.texts),
                answer.end.reason if answer.end else FinishReason.STOPPED,
                tuple(answer.logprobs),
            )
            for answer in self._answers
        )

    @property
    def finished(self) -> Finished:
        """How the question ended: the first answer's end, with the tokens of all and the longest decode."""
        ends = [answer.end for answer in self._answers if answer.end]
        if not ends:
            return Finished(FinishReason.STOPPED, Usage(), 0.0, 0.0, 0.0)
        usage = replace(ends[0].usage, completion=sum(end.usage.completion for end in ends))
        return replace(ends[0], usage=usage, decode=max(end.decode for end in ends))
