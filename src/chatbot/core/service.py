"""What a service is: data and two small functions. Office and character differ in nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from chatbot.domain.access import KeyEntry
from chatbot.domain.history import Room
from chatbot.domain.language import Language
from chatbot.domain.messages import Exchange, PromptPart, Sampling, ServiceName, Speakers
from chatbot.domain.prompts import PersonaFile
from chatbot.domain.schemas import ChatRequest


@dataclass(frozen=True, slots=True)
class Frame:
    """The fixed part of a prompt: system parts (common rules first), the character's opening, the labels."""

    system: tuple[PromptPart, ...]
    speakers: Speakers
    language: Language
    """What the persona speaks; a search for the question asks for pages in it."""
    opening: str | None = None


def _unchanged(sampling: Sampling) -> Sampling:
    return sampling


@dataclass(frozen=True, slots=True)
class Question:
    """One validated question, whatever format it came in.

    ``frame`` builds the fixed part from the persona texts of the model that answers. ``exchanges`` are
    turns that the client itself sent along; turns of ``room`` are recalled by the chat path. ``tune``
    changes the service's sampling for this question. ``arrived`` is ``time.monotonic()`` seconds. ``key`` is
    the API key that asks, None where none is asked for.
    """

    text: str
    frame: Callable[[PersonaFile], Frame]
    caller: str
    arrived: float
    room: Room | None = None
    search: bool = False
    exchanges: tuple[Exchange, ...] = ()
    tune: Callable[[Sampling], Sampling] = field(default=_unchanged)
    key: KeyEntry | None = None

    def chars(self, frame: Frame) -> int:
        """Length of the prompt as known at the door: all of it but recalled turns and search results."""
        fixed = sum(len(part.text) for part in frame.system) + len(frame.opening or "")
        sent = sum(len(turn.question) + len(turn.answer) for turn in self.exchanges)
        return fixed + sent + len(self.text)


@dataclass(frozen=True, slots=True)
class Service:
    """One service: its name, the body it takes, and how a body becomes the fixed part of a prompt.

    ``request`` is the body's schema, ``frame`` its prompt, ``searches`` whether this body asks for a web
    search. The request type is erased here (Any) because each service pairs its own schema with its own
    functions; the pairing is checked where the service is defined.
    """

    name: ServiceName
    request: type[ChatRequest]
    frame: Callable[[Any, PersonaFile], Frame]
    searches: Callable[[Any], bool]

    def ask(self, request: ChatRequest, caller: str, arrived: float, key: KeyEntry | None = None) -> Question:
        """Turn a validated body into a Question; a ``user_id`` without ``db_id`` opens a new room."""
        return Question(
            text=request.input_data,
            frame=lambda personas: self.frame(request, personas),
            caller=caller,
            arrived=arrived,
            room=self.room(request.user_id, request.db_id),
            search=self.searches(request),
            key=key,
        )

    def room(self, user_id: str | None, db_id: UUID | None) -> Room | None:
        """The room of these two fields; None when nothing is to be remembered."""
        return None if user_id is None else Room(self.name, user_id, db_id or uuid4())
