"""What a service is: data and two small functions. The services themselves stand in chatbot.services."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from chatbot.core.page import Bilingual, ChatPage
from chatbot.core.transcript import Names, Transcript
from chatbot.domain.access import KeyEntry
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.history import AT_END, After, AskedWith, Room
from chatbot.domain.language import Language
from chatbot.domain.messages import Exchange, PromptPart, Sampling, ServiceName, Speakers
from chatbot.domain.prompts import P, Persona, Personas, PersonaTexts
from chatbot.domain.schemas import ChatRequest

Body = TypeVar("Body", bound=ChatRequest)
P_contra = TypeVar("P_contra", bound=Persona, contravariant=True)


@dataclass(frozen=True, slots=True)
class Beside:
    """Quoted texts that belong to the scene and not to the conversation."""

    parts: tuple[PromptPart, ...] = ()
    """The first and the last frame the others."""

    left_out: tuple[str, ...] = ()
    """Names of those that did not fit."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The fixed part of a prompt: what stands around the conversation."""

    system: tuple[PromptPart, ...]
    """System parts, the rules common to all users first."""

    speakers: Speakers
    """What user and model are called in a plain transcript."""

    language: Language
    """What the persona speaks; a search for the question asks for pages in it."""

    opening: str | None = None
    """What the model's side said first; None: the user begins."""

    asked_in: Language | None = None
    """What the user speaks in the question; None: what the persona speaks."""

    beside: Callable[[Sequence[str]], Beside] | None = None
    """What stands beside the question, by the messages so far, the question last; None: nothing."""

    left_out: tuple[str, ...] = ()
    """Names of what was shortened or left out so that the fixed part has its size."""


UNREAD = Frame(system=(), speakers=Speakers(), language="ko")
"""The frame of a question whose character has not been read yet."""


@dataclass(frozen=True, slots=True)
class FramedQuestion(Generic[P_contra]):
    """What a service makes of a body or of a transcript."""

    text: str
    """The user's turn."""

    frame: Callable[[Mapping[Language, P_contra]], Frame]
    """Builds the fixed part from the persona texts of the model that answers."""


class Act(StrEnum):
    """What a question does in its room; all but the first name a turn that is there."""

    ASK = "ask"
    """A new question, after a turn or at the room's end."""

    REGENERATE = "regenerate"
    """The turn's question once more, in its place."""

    EDIT = "edit"
    """Another question in the turn's place."""

    CONTINUE = "continue"
    """The turn's answer goes on where it ended, in its place."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where in its room a question goes."""

    act: Act = Act.ASK
    turn: After = AT_END
    """The turn that it names."""


@dataclass(frozen=True, slots=True)
class NamedCharacter:
    """The stored character that a question names."""

    id: UUID

    frame_of: Callable[[CharacterSheet, str, int], Callable[[Personas], Frame]]
    """What the frame is with that character, for a text, in a prompt of so many tokens."""


def _unchanged(sampling: Sampling) -> Sampling:
    return sampling


@dataclass(frozen=True, slots=True)
class Question:
    """One validated question, whatever format it came in."""

    text: str
    """The user's turn; "" where the turn that it names holds it."""

    frame: Callable[[Personas], Frame]
    """Builds the fixed part from the persona texts of the model that answers."""

    caller: str
    """Whose fair share of the queue the question takes."""

    arrived: float
    """When it came, ``time.monotonic()`` seconds."""

    room: Room | None = None
    """The room whose turns are recalled, and where this one is kept; None: nothing is remembered."""

    aim: Aim = Aim()
    """Where in the room it goes."""

    frame_of: Callable[[str], Callable[[Personas], Frame]] | None = None
    """What ``frame`` is for another text, where the turn that it names holds the text."""

    character: NamedCharacter | None = None
    """The stored character with which its frame is built; None: ``frame`` is all there is to know."""

    asked_with: AskedWith = field(default_factory=dict)
    """What its room is to remember of the request beside the question."""

    keep_partial: bool = False
    """Whether what was written counts even if the client or the deadline ends the answer: it is stored, and
    the deadline is answered with it."""

    search: bool = False
    """Whether the web is searched for it."""

    exchanges: tuple[Exchange, ...] = ()
    """Turns that the client itself sent along."""

    begun: str = ""
    """What the answer begins with already; the model goes on behind it."""

    tune: Callable[[Sampling], Sampling] = field(default=_unchanged)
    """Changes the service's sampling for this question."""

    answers: int = 1
    """How many answers it gets."""

    key: KeyEntry | None = None
    """The API key that asks; None where none is asked for."""

    def chars(self, frame: Frame) -> int:
        """Length of the prompt as known at admission: without recalled turns, facts and search results."""
        fixed = sum(len(part.text) for part in frame.system) + len(frame.opening or "")
        sent = sum(len(turn.question) + len(turn.answer) for turn in self.exchanges)
        return fixed + sent + len(self.text) + len(self.begun)


@dataclass(frozen=True, slots=True)
class Service(Generic[Body, P]):
    """One service. Its settings, command, routes, page and history follow from these fields."""

    name: ServiceName
    """Its path prefix, its command, the prefix of its settings, and the history's key."""

    title: Bilingual
    """What people read over its chat page."""

    port: int
    """The port it listens on by default."""

    request: type[Body]
    """The schema of a question's body, with an example."""

    personas: PersonaTexts[P]
    """Its persona texts, to be found in a persona file under its name."""

    of_body: Callable[[Body], FramedQuestion[P]]
    """How a body becomes a question."""

    of_transcript: Callable[[Transcript, Names], FramedQuestion[P]]
    """How a conversation of a client that speaks OpenAI's format becomes a question."""

    of_character: Callable[[Body, CharacterSheet, int], FramedQuestion[P]] | None = None
    """How a body that names a stored character becomes a question in a prompt of so many tokens; None: the
    service's kind has no characters."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings for which the service has a default of its own, by their names in ``ServiceConfig``."""

    search_field: str | None = None
    """The body's yes-or-no field that asks for a web search; None: this service never searches."""

    remembered: tuple[str, ...] = ()
    """The body's fields that a room remembers beside ``sampling``, for its next question on any device."""

    page: ChatPage = field(default_factory=ChatPage)
    """How its chat page looks."""

    def ask(
        self,
        body: Body,
        caller: str,
        arrived: float,
        *,
        keep_partial: bool = False,
        key: KeyEntry | None = None,
    ) -> Question:
        """Turn a validated body into a Question; a ``user_id`` without ``db_id`` opens a new room."""

        def frame_of(text: str) -> Callable[[Personas], Frame]:
            return self.of_body(body.model_copy(update={"input_data": text})).frame

        named = self._named(body)
        return Question(
            text=body.question if named else self.of_body(body).text,
            frame=(lambda _: UNREAD) if named else self.of_body(body).frame,
            character=named,
            caller=caller,
            arrived=arrived,
            room=self.room(body.user_id, body.db_id),
            aim=_aim(body),
            frame_of=frame_of,
            asked_with=body.asked_with(self.remembered),
            keep_partial=keep_partial,
            search=self.search_field is not None and getattr(body, self.search_field),
            tune=body.sampling.over if body.sampling else _unchanged,
            key=key,
        )

    def ask_transcript(
        self,
        transcript: Transcript,
        names: Names,
        *,
        caller: str,
        arrived: float,
        tune: Callable[[Sampling], Sampling],
        keep_partial: bool = False,
        key: KeyEntry | None = None,
    ) -> Question:
        """Turn a transcript into a Question; nothing of it is remembered."""
        asked = self.of_transcript(transcript, names)
        return Question(
            text=asked.text,
            frame=asked.frame,
            caller=caller,
            arrived=arrived,
            exchanges=transcript.exchanges,
            begun=transcript.begun,
            keep_partial=keep_partial,
            tune=tune,
            key=key,
        )

    def _named(self, body: Body) -> NamedCharacter | None:
        id_, of_character = body.named_character, self.of_character
        if id_ is None or of_character is None:
            return None

        def frame_of(character: CharacterSheet, text: str, tokens: int) -> Callable[[Personas], Frame]:
            return of_character(body.model_copy(update={"input_data": text}), character, tokens).frame

        return NamedCharacter(id_, frame_of)

    def room(self, user_id: str | None, db_id: UUID | None) -> Room | None:
        """The room of these two fields; None when nothing is to be remembered."""
        return None if user_id is None else Room(self.name, user_id, db_id or uuid4())


def _aim(body: ChatRequest) -> Aim:
    named = {Act.REGENERATE: body.regenerate, Act.EDIT: body.edit, Act.CONTINUE: body.continue_}
    for act, turn in named.items():
        if turn is not None:
            return Aim(act, turn)
    return Aim(turn=body.after if "after" in body.model_fields_set else AT_END)


AnyService = Service[Any, Any]
"""A service of whichever kind: its schema and its functions were paired where it was defined."""
