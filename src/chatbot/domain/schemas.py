"""What every request body has (contract §2.1), and the types of fields, with every rule that a field has.

Unknown fields are ignored. Wrong types are refused rather than converted; a string with a NUL or a lone
surrogate is refused, since no store, header or tokenizer behind this line can carry one. Texts are taken in
Unicode's composed form, so that limits count what the user sees, whatever the keyboard made of it.
"""

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from chatbot.domain.aims import Act, Aim
from chatbot.domain.plaintext import is_sound, nfc, visible
from chatbot.domain.sampling import AnswerSampling

_CANONICAL_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


NAME_CHARS = 50
TEXT_CHARS = 2000
"""Limits of a name, and of greeting and context each (contract §2.1)."""


def sound(text: str) -> str:
    """Refuse NUL and lone surrogates. Pydantic's own check of these is left out of a text without limits."""
    if is_sound(text):
        return text
    if "\x00" in text:
        raise PydanticCustomError("string_nul", "String should not contain NUL")
    raise PydanticCustomError("string_unicode", "Input should be valid Unicode text")


def before(change: Callable[[str], str]) -> BeforeValidator:
    """The rule that changes a text before it is looked at; anything else is for the next rule to refuse."""
    return BeforeValidator(lambda value: change(value) if isinstance(value, str) else value)


def _canonical_uuid(value: object) -> object:
    """Refuse the forms that uuid.UUID also takes (braces, urn:, bare hex): one room has one spelling."""
    if isinstance(value, str) and not _CANONICAL_UUID.fullmatch(value):
        raise PydanticCustomError("uuid_parsing", "Input should be a UUID with hyphens")
    return value


def _sound_within(value: Any) -> Any:
    """Refuse unsound names and texts in a value of JSON, whose depth the reader of bodies bounds."""
    if isinstance(value, str):
        sound(value)
    elif isinstance(value, list):
        for item in value:
            _sound_within(item)
    elif isinstance(value, dict):
        for name, member in value.items():
            sound(name)
            _sound_within(member)
    return value


TEXT_RULES = (AfterValidator(sound), before(nfc))
"""What stands behind the limits of every text of a body."""

Text = Annotated[str, *TEXT_RULES]
JsonObject = Annotated[dict[str, Any], AfterValidator(_sound_within)]
"""An object of JSON as it came, whose names and texts are as sound as any other text."""


def written(most: int, least: int | None = None) -> tuple[object, ...]:
    """The rules of a text that somebody writes: ``least`` to ``most`` characters when trimmed."""
    return StringConstraints(strip_whitespace=True, min_length=least, max_length=most), *TEXT_RULES


UserId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.@-]{1,50}$")]
RoomId = Annotated[UUID, BeforeValidator(_canonical_uuid)]
TurnId = RoomId
CharacterId = RoomId
QuestionText = Annotated[str, *written(500, least=1)]
CharacterName = Annotated[str, *written(NAME_CHARS, least=1)]
CharacterText = Annotated[str, *written(TEXT_CHARS, least=1)]


TITLE_CHARS = 100
"""The longest title of a room: two lines of its list."""


Title = Annotated[str, StringConstraints(max_length=TITLE_CHARS), before(lambda text: visible(sound(text)))]
"""What is seen of it counts: as it is stored, and as it comes back from an export."""

MOST_FACTS = 20
FACT_CHARS = 300
FACTS_CHARS = 2000
"""Facts that a room may have, characters of each, and of all: they stand in every prompt of the room."""

Fact = Annotated[str, *written(FACT_CHARS, least=1)]


def _few_enough(facts: list[str]) -> list[str]:
    if sum(map(len, facts)) > FACTS_CHARS:
        most = {"most": FACTS_CHARS}
        raise PydanticCustomError("facts_too_long", "Should have at most {most} characters together", most)
    return facts


Facts = Annotated[list[Fact], Field(max_length=MOST_FACTS), AfterValidator(_few_enough)]


class ChatRequest(BaseModel):
    """What every service takes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    input_data: QuestionText | None = Field(
        default=None,
        description="The question, 1 to 500 characters after trimming; not with regenerate or continue.",
    )
    user_id: UserId | None = Field(
        default=None, description="Who asks; null or absent: nothing is remembered."
    )
    db_id: RoomId | None = Field(
        default=None, description="The room; null with a user_id: a new room, named in X-Db-Id."
    )

    after: TurnId | None = Field(
        default=None, description="Ask after this turn, or first of all (null); absent: at the room's end."
    )
    regenerate: TurnId | None = Field(
        default=None, description="Ask this turn's question once more, in its place."
    )
    edit: TurnId | None = Field(default=None, description="Ask input_data in this turn's place.")
    continue_: TurnId | None = Field(
        default=None, alias="continue", description="Let this turn's answer go on; what is added is answered."
    )

    sampling: AnswerSampling | None = Field(
        default=None, description="How the tokens of this answer are chosen; absent: as the service has it."
    )

    @property
    def question(self) -> str:
        """The question's text; "" where a stored turn holds it."""
        return self.input_data or ""

    @property
    def aim(self) -> Aim:
        """Where in its room it goes."""
        return next((Aim(act, turn) for act, turn in self._named_turns().items()), Aim())

    @property
    def named_character(self) -> UUID | None:
        """The stored character that it names; None: it names none, or its service has none."""
        return None

    def asked_with(self, names: Iterable[str]) -> dict[str, str | int | float]:
        """What its room is to remember of it: these fields, and how the tokens of its answer are chosen."""
        fields = {name: getattr(self, name) for name in names}
        fields["sampling"] = self.sampling and self.sampling.remembered
        return {
            name: str(value) if isinstance(value, UUID) else value
            for name, value in fields.items()
            if value is not None
        }

    @model_validator(mode="after")
    def _room_needs_user(self) -> Self:
        if self.db_id is not None and self.user_id is None:
            raise PydanticCustomError("room_without_user", "db_id needs a user_id")
        return self

    @model_validator(mode="after")
    def _one_turn_of_a_room(self) -> Self:
        named = self._named_turns()
        if len(named) > 1:
            raise PydanticCustomError("turns_doubled", "Only one of after, regenerate, edit, continue")
        if any(named.values()) and self.db_id is None:
            raise PydanticCustomError("turn_without_room", "A turn needs its db_id")
        stored = bool(named.keys() & {Act.REGENERATE, Act.CONTINUE})
        if stored and self.input_data is not None:
            raise PydanticCustomError("question_given", "regenerate and continue take no input_data")
        if not stored and self.input_data is None:
            missing = InitErrorDetails(type="missing", loc=("input_data",), input=None)
            raise ValidationError.from_exception_data(type(self).__name__, [missing])
        return self

    def _named_turns(self) -> dict[Act, UUID | None]:
        """The turns that it names, by what it does there; of these it may do one."""
        named = {Act.REGENERATE: self.regenerate, Act.EDIT: self.edit, Act.CONTINUE: self.continue_}
        given: dict[Act, UUID | None] = {act: turn for act, turn in named.items() if turn is not None}
        # No turn to ask after is another thing than none named: it says that the question comes first of all.
        return {**given, Act.ASK: self.after} if "after" in self.model_fields_set else given
