"""The port to a model: reserve a place, then generate.

Two steps, because a refusal must come before any expensive work (history, search, tokenising) and the
place must count from the moment of the check.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from chatbot.domain.messages import Conversation, GenerationEvent, Sampling
from chatbot.domain.service_names import ServiceName


class Admission(StrEnum):
    """What a request wants of a process that cannot begin it at once."""

    HERE = "here"
    """Its place in the queue, or a refusal: nobody else can be asked."""

    NOW = "now"
    """AskElsewhere: another process may begin it at once."""

    QUEUE = "queue"
    """As HERE, but AskElsewhere from a process that takes no questions now."""


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """What is known of a question before any work."""

    service: ServiceName
    """The service that asks; an engine may serve several."""

    caller: str
    """The fairness key: the API key's name, else the user_id, else the client's address."""

    arrived: float
    """When the question came, ``time.monotonic()`` seconds."""

    deadline: float
    """When its last token must be out, ``time.monotonic()`` seconds."""

    prompt_chars: int
    """Characters of all texts known so far: an estimate of the prompt until its tokens are known."""

    max_tokens: int
    """The longest answer, tokens."""

    answers: int = 1
    """How many answers the question gets, each with a place: all or none."""
    at_once: bool = False
    """Whether it is passed on rather than queued."""


class ModelState(StrEnum):
    """Where a model stands; only READY takes requests."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model's condition now; what only an engine has is 0 for a foreign model."""

    state: ModelState
    """Where it stands."""

    detail: str = ""
    """Why it is not ready, for people."""

    alive: bool = True
    """False when there is work but no progress for many times the usual step."""

    kv_used: int = 0
    """Tokens (cells) in the KV pool."""

    kv_total: int = 0
    """Tokens that the KV pool holds."""

    host_cache_bytes: int = 0
    """What conversations outside the pool take of the machine's memory."""

    tokens_per_second: float = 0.0
    """Generated tokens a second now, of all users."""


class Place(Protocol):
    """What is reserved for a question; it counts against queue and user limits until released."""

    def generate(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Yield Prompted, Waiting and Token (any number), and one Finished for each answer.

        Closing the iterator stops the generation within one engine step and frees the place.

        Raises:
            PromptTooLong: persona and question alone do not fit.
            DeadlineExceeded: the deadline passed before the last token.
            ModelFailed, UpstreamFailed, Overloaded, Unavailable: as their docstrings say.
        """
        ...

    def release(self) -> None:
        """Give the place up; harmless when the generation has ended or was never begun."""
        ...


class ChatModel(Protocol):
    """A way to produce text."""

    @property
    def name(self) -> str:
        """The model as clients see it, in ``X-Model`` and ``/v1/models``: printable ASCII."""
        ...

    @property
    def lacks(self) -> frozenset[str]:
        """Names of OpenAI's and llama-server's parameters that this model cannot honour."""
        ...

    @property
    def continues(self) -> bool:
        """Whether it can go on behind an answer that is begun already (``Conversation.begun``)."""
        ...

    def reserve(self, request: AdmissionRequest) -> Place:
        """Check and count in one step, on the event loop, within about a millisecond.

        Raises:
            Overloaded: predicted end past the deadline, queue full, or the caller's share full.
            TooManyAnswers: more answers than one caller may have places.
            AskElsewhere: it wants to begin at once and cannot.
            Unavailable: loading, draining or not configured.
        """
        ...

    def queue_size(self, service: ServiceName) -> int:
        """Requests of the service that hold a place but have not begun to generate."""
        ...

    def status(self) -> ModelStatus:
        """The model's condition; cheap, callable from the event loop at any time."""
        ...


@dataclass(frozen=True, slots=True)
class NextCut:
    """Where the prompts of a room begin now, and where they will, as indexes of turns."""

    begins: int
    """The oldest turn that they hold."""

    last: int
    """The newest turn that the next cut takes."""

    room: int
    """Tokens that a prompt has for what stands for the turns that are cut."""


class IdleModel(Protocol):
    """A model that also writes while nobody asks it: only one of our own does."""

    async def quiet(self, seconds: float) -> None:
        """Return when nobody has had a place for so long.

        Raises:
            Unavailable: loading or draining.
        """
        ...

    async def next_cut(self, conversation: Conversation) -> NextCut | None:
        """Where this conversation's turns would be cut next if it went on; None while that cannot be told.

        Raises:
            PromptTooLong: persona and question alone do not fit.
            Unavailable: loading or draining.
        """
        ...

    def errand(self, conversation: Conversation, sampling: Sampling) -> AsyncGenerator[GenerationEvent, None]:
        """Yield Prompted, Tokens (any number) and one Finished, if nobody has a place until then.

        It takes no place and nothing that others have: no user waits longer for it than a step, no room
        leaves the pool, and it counts nowhere. Closing the iterator ends it within a step.

        Raises:
            GaveWay: somebody has a place; NoFreeCells: there are none for it. What was yielded stands.
            PromptTooLong, ModelFailed, Unavailable: as their docstrings say.
        """
        ...


class EngineMeter(Protocol):
    """Where an engine reports what only it can see; called on the engine's own thread."""

    def step(self, sequences: int, seconds: float) -> None:
        """One decode step with this many generating sequences took this long."""
        ...

    def drafted(self, tokens: int, accepted: int, saved: float) -> None:
        """A step computed so many drafted tokens, so many of them right; ``saved`` seconds, < 0 if lost."""
        ...

    def preempted(self) -> None:
        """A sequence was put back in the queue because the KV pool was full."""
        ...

    def started(self, predicted: float, actual: float) -> None:
        """A request produced its first token: its wait, predicted at admission and real (seconds)."""
        ...
