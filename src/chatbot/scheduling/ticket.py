"""What the scheduler and the engine know of one request in three parts, by who may write them; never texts.

The ticket never changes. Its ``progress`` is the engine's; the scheduler only reads it. What the scheduler
itself computes of a request is in ``Estimate`` and stays within this package.
"""

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Progress:
    """How far a request is, in tokens.

    Written by the event loop up to ``ready``, from then on by the engine's thread alone. The scheduler reads
    it on both; a number that is one step old does no harm.
    """

    prompt: int
    """Tokens of the prompt; estimated until ``ready``."""
    fresh: int
    """Tokens to compute before the next one is generated: what no cache holds of the prompt (estimated until
    the request starts) and, after a preemption, of the answer so far."""
    max_tokens: int
    """The most tokens that the answer may have."""
    ready: bool = False
    """Whether the prompt is known, so that the request may start."""
    read: int = 0
    """Tokens of ``fresh`` that are computed."""
    produced: int = 0
    """Tokens of the answer so far."""

    def known(self, prompt: int, fresh: int) -> None:
        """The true size of the prompt in tokens, and how many of them probably no cache holds."""
        self.prompt, self.fresh, self.ready = prompt, fresh, True

    def preempted(self) -> None:
        """The request lost its cells: prompt and answer so far are to be computed again."""
        self.fresh, self.read = self.prompt + self.produced, 0


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A request that asks for a place or has one, from its reservation to its last token."""

    service: str
    """Whose answers its own will be like in length."""
    caller: str
    """The key of fairness: whoever shares it shares the places that one caller may have."""
    deadline: float
    """Monotonic seconds at which its last token has to be there."""
    progress: Progress
    """How far it is."""
