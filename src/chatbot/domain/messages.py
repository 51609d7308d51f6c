"""What every layer speaks: a conversation to continue, and the events of its answer.

Plain frozen data, so that a backend can render it, a test can build it and a log cannot change it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from chatbot.domain.forms import Form
from chatbot.domain.language import Language

WHOLE_CONTEXT = -1
"""As a window of penalties: all tokens of the conversation. llama.cpp itself would take it for none."""


class FinishReason(StrEnum):
    """Why an answer ended: a stop token or string, its token limit, or a filter of the vendor's.

    STOPPED is said of an answer that was kept although its client or its deadline ended it.
    """

    STOP = "stop"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A named piece of a prompt; the name only serves reports ("rules", "context", "search")."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """One earlier turn of the room, with its ``index`` there."""

    index: int
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class SummaryPart:
    """A summary of a path's turns up to the one with the index ``upto``.

    ``quote`` makes of its text what a prompt holds. It takes milliseconds, so only what enters is quoted.
    """

    upto: int
    text: str
    quote: Callable[[str], str] = field(default=str, compare=False)


@dataclass(frozen=True, slots=True)
class Speakers:
    """Role labels for models that know only plain transcripts ("사용자: … / 비서: …")."""

    user: str = "사용자"
    assistant: str = "비서"


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a model is asked to continue; each backend renders it in its own format.

    ``system`` parts come first, the rules common to all users before texts of one user, so that prompts
    share a prefix. ``opening`` is the character's first turn. ``exchanges`` are the room's earlier turns,
    oldest first; a backend may leave out the oldest to fit its context, and then one of ``summaries`` stands
    for them, see ``summary_before``. ``references`` (search results, quoted and untrusted) stand before
    ``question`` inside the user's turn; the first and the last frame the others. ``scene`` stands behind them
    in the same way: what belongs to the scene and not to what is said. ``facts``, in a frame of their own,
    are what the user pinned; they stand nearest to the question. ``begun`` is what the answer begins with
    already: the model goes on behind it, and its answer is what it adds. ``left_out`` names what of scene and
    facts had no room, for the report. ``language`` is the one in which the user asks, where that is known.
    """

    system: tuple[PromptPart, ...]
    question: str
    opening: str | None = None
    exchanges: tuple[Exchange, ...] = ()
    references: tuple[PromptPart, ...] = ()
    scene: tuple[PromptPart, ...] = ()
    facts: PromptPart | None = None
    speakers: Speakers = field(default_factory=Speakers)
    begun: str = ""
    left_out: tuple[str, ...] = ()
    language: Language | None = None
    summaries: tuple[SummaryPart, ...] = ()

    def summary_before(self, kept: Sequence[Exchange]) -> SummaryPart | None:
        """What stands for the turns before these, quoted: at the head of the first user's turn in a prompt.

        Of the summaries that tell nothing of a turn that is there it is the one that tells most.
        """
        able = [one for one in self.summaries if not kept or one.upto < kept[0].index]
        most = max(able, key=lambda one: one.upto, default=None)
        return most and SummaryPart(most.upto, most.quote(most.text))

    @property
    def hits(self) -> int:
        """How many search results stand in the references."""
        return max(0, len(self.references) - 2)

    @property
    def quoted(self) -> tuple[PromptPart, ...]:
        """What stands before the question inside the user's turn."""
        return self.references + self.scene + (() if self.facts is None else (self.facts,))

    def with_fewer_quotes(self) -> "Conversation":
        """Without a quotation, for what must fit; a frame around nothing goes too.

        The last reference goes first, without references the first quotation of the scene, at last the facts.
        """
        if quoted := self.references:
            return replace(self, references=(*quoted[:-2], quoted[-1]) if len(quoted) > 3 else ())
        if not self.scene and self.facts is not None:
            return replace(self, facts=None, left_out=(self.facts.name, *self.left_out))
        kept = (self.scene[0], *self.scene[2:]) if len(self.scene) > 3 else ()
        gone = tuple(part.name for part in self.scene[1:-1] if part not in kept)
        return replace(self, scene=kept, left_out=self.left_out + gone)

    @property
    def system_text(self) -> str:
        """The system parts as one text, empty parts left out."""
        return "\n\n".join(part.text for part in self.system if part.text)

    @property
    def user_text(self) -> str:
        """The user's last turn: references, then the question."""
        return "\n\n".join([*(part.text for part in self.quoted if part.text), self.question])


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen, in llama.cpp's terms and in the order in which its chain applies them.

    ``domain/sampling.py`` says what each number means and may be. ``max_tokens`` is an upper bound for the
    answer; a backend clips it to what the context leaves. ``stop`` strings end the answer and are not part of
    it. ``seed`` None means a fresh one. ``top_logprobs`` asks for the log probabilities of the tokens
    and of so many of the likeliest ones; None asks for none. ``form`` holds the answer to a shape,
    ``korean_letters`` those to Korean questions to the scripts that ``domain/letters.py`` tells.
    """

    logit_bias: tuple[tuple[int, float], ...] = ()
    repeat_penalty: float = 1.1
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    repeat_last_n: int = 64
    dry_multiplier: float = 0.0
    dry_base: float = 1.75
    dry_allowed_length: int = 2
    dry_penalty_last_n: int = WHOLE_CONTEXT
    dry_sequence_breakers: tuple[str, ...] = ("\n", ":", '"', "*")
    top_n_sigma: float = 0.0
    top_k: int = 40
    typical_p: float = 1.0
    top_p: float = 0.95
    min_p: float = 0.0
    xtc_probability: float = 0.0
    xtc_threshold: float = 0.1
    temperature: float = 0.7
    dynatemp_range: float = 0.0
    dynatemp_exponent: float = 1.0
    seed: int | None = None
    max_tokens: int = 2048
    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None
    form: Form | None = None
    korean_letters: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one answer; ``cached`` of the prompt's tokens were taken from shared or parked prefixes."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0


@dataclass(frozen=True, slots=True)
class PromptReport:
    """What entered the prompt: tokens by part name, and the room's turn indexes that were kept or cut.

    ``left_out`` names what of a character was shortened or did not enter, for want of room.
    """

    tokens: Mapping[str, int]
    kept_turns: tuple[int, ...] = ()
    cut_turns: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompted:
    """The prompt is made; what entered it. The first event of a generation."""

    report: PromptReport


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request waits: ``position`` counts from 1 (starts next), ``eta`` seconds to its first token."""

    position: int
    eta: float


@dataclass(frozen=True, slots=True)
class LikelyToken:
    """The bytes of a token, and the natural logarithm of the probability that the model gave it."""

    piece: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class TokenLogprobs:
    """A token of the answer, and the likeliest ones in its place, likeliest first."""

    chosen: LikelyToken
    alternatives: tuple[LikelyToken, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer's text: one token's or several's, always whole characters.

    ``answer`` counts the answers to one question from 0.

    ``logprobs``, where they were asked for, tell of the tokens whose last byte this piece settles: those of
    all pieces together have the bytes of the text.
    """

    text: str
    logprobs: tuple[TokenLogprobs, ...] = ()
    answer: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """An answer is complete. Times are seconds: waiting for a place, prompt processing, generation."""

    reason: FinishReason
    usage: Usage
    queue: float
    prefill: float
    decode: float
    answer: int = 0


GenerationEvent = Prompted | Waiting | Token | Finished
