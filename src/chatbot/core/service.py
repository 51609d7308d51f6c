"""What a service is: data and two small functions. The services themselves stand in chatbot.services."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from chatbot.core.frame import UNREAD, Frame, FramedQuestion
from chatbot.core.page import Bilingual, ChatPage
from chatbot.core.transcript import Names, Transcript
from chatbot.domain.access import KeyEntry
from chatbot.domain.aims import Aim
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.history import AskedWith, Owner, Room
from chatbot.domain.messages import Exchange, Sampling
from chatbot.domain.prompts import P, Personas, PersonaTexts
from chatbot.domain.schemas import ChatRequest
from chatbot.domain.service_names import ServiceName

Body = TypeVar("Body", bound=ChatRequest)


@dataclass(frozen=True, slots=True)
class NamedCharacter:
    """The stored character that a question names."""

    id: UUID

    owner: Owner
    """Whose it is."""

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

    of_transcript_with_character: (
        Callable[[Transcript, Names, CharacterSheet, int], FramedQuestion[P]] | None
    ) = None
    """How a conversation of such a client that names a stored character becomes a question; None: none may
    be named there."""

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
            aim=body.aim,
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
        character: tuple[str, UUID] | None = None,
        keep_partial: bool = False,
        key: KeyEntry | None = None,
    ) -> Question:
        """Turn a transcript into a Question; nothing of it is remembered.

        ``character`` is a user's id and that of the stored character who plays, in services where one may
        be named.
        """
        named = None if character is None else self._named_in_transcript(transcript, names, *character)
        asked = self.of_transcript(transcript, names)
        return Question(
            text=asked.text,
            frame=(lambda _: UNREAD) if named else asked.frame,
            character=named,
            caller=caller,
            arrived=arrived,
            exchanges=transcript.exchanges,
            begun=transcript.begun,
            keep_partial=keep_partial,
            tune=tune,
            key=key,
        )

    def _named(self, body: Body) -> NamedCharacter | None:
        id_, user_id, of_character = body.named_character, body.user_id, self.of_character
        if id_ is None or user_id is None or of_character is None:
            return None

        def frame_of(character: CharacterSheet, text: str, tokens: int) -> Callable[[Personas], Frame]:
            return of_character(body.model_copy(update={"input_data": text}), character, tokens).frame

        return NamedCharacter(id_, Owner(self.name, user_id), frame_of)

    def _named_in_transcript(
        self, transcript: Transcript, names: Names, user_id: str, id_: UUID
    ) -> NamedCharacter | None:
        of_character = self.of_transcript_with_character
        if of_character is None:
            return None

        def frame_of(character: CharacterSheet, _: str, tokens: int) -> Callable[[Personas], Frame]:
            return of_character(transcript, names, character, tokens).frame

        return NamedCharacter(id_, Owner(self.name, user_id), frame_of)

    def room(self, user_id: str | None, db_id: UUID | None) -> Room | None:
        """The room of these two fields; None when nothing is to be remembered."""
        return None if user_id is None else Room(self.name, user_id, db_id or uuid4())


AnyService = Service[Any, Any]
"""A service of whichever kind: its schema and its functions were paired where it was defined."""
