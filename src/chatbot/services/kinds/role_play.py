"""Services that play a character, such as the one that each request describes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from chatbot.core.frame import Frame, FramedQuestion
from chatbot.core.transcript import Names, Transcript
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.language import Language, language_of
from chatbot.domain.macros import fill_macros
from chatbot.domain.messages import PromptPart, Speakers
from chatbot.domain.plaintext import one_line
from chatbot.domain.prompts import Persona, holding
from chatbot.domain.schemas import NAME_CHARS
from chatbot.services.kinds.scene import Material, beside_question, fixed_part
from chatbot.services.kinds.scene_request import SceneRequest

_UNNAMED: dict[Language, str] = {"ko": "상대", "en": "Companion"}
_NO_CONTEXT = "-"


class RolePlayPersona(Persona):
    """The role-play in one language: ``rules`` are common to all characters, ``card`` carries one."""

    card: Annotated[str, holding("character_name", "context")]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays in a scene and how it begins: a stranger's texts, names included."""

    name: str
    """The character's name; where nothing of it is visible, the character goes by a word for one."""

    context: str
    """Who and where the character is."""

    greeting: str | None = None
    """The character's first line; None: the user begins."""

    user_name: str | None = None
    """What the user is called; None or blank: by the persona texts' word for a user."""

    said: str = ""
    """The user's line, whose language counts where nothing else has one."""

    spoken_name: str = ""
    """What {{char}} becomes; "": the name."""

    material: Material = field(default_factory=Material)
    """What else belongs to the scene."""


def frame(cast: Cast, personas: Mapping[Language, RolePlayPersona]) -> Frame:
    """The role-play rules, then the character's card; the greeting is the character's first turn.

    The card is filled by replacement rather than ``str.format``: the texts come from a stranger. A name is
    one line of visible text wherever it stands, so that none can add lines to the card or to a transcript.
    """
    described = f"{cast.context} {cast.material.told} {cast.greeting or ''}"
    language = language_of(described if any(map(str.isalpha, described)) else cast.said)
    persona = personas[language]
    name = one_line(cast.name, NAME_CHARS) or _UNNAMED[language]
    user = one_line(cast.user_name or "", NAME_CHARS) or persona.user_label
    spoken = one_line(cast.spoken_name, NAME_CHARS) or name

    def fill(text: str) -> str:
        return fill_macros(text, spoken, user)

    fixed = fixed_part(cast.material, cast.context, cast.greeting or "", persona.rules, language, fill)
    before, _, after = persona.card.partition("{context}")
    card = before.replace("{character_name}", name) + fixed.context + after.replace("{character_name}", name)
    return Frame(
        system=(PromptPart("rules", persona.rules), PromptPart("context", card), *fixed.parts),
        speakers=Speakers(user, name),
        language=language,
        opening=fixed.greeting or None,
        beside=beside_question(cast.material, fixed.lore_tokens, language, fill),
        left_out=fixed.left_out,
        asked_in=language_of(cast.said) if any(map(str.isalpha, cast.said)) else language,
    )


def of_cast(cast: Cast) -> FramedQuestion[RolePlayPersona]:
    """The user's line in the character's frame."""
    return FramedQuestion(cast.said, partial(frame, cast))


def cast_of(character: CharacterSheet, request: SceneRequest, user_name: str | None, tokens: int) -> Cast:
    """The scene of a stored character; ``tokens`` is the size of the whole prompt."""
    return Cast(
        name=character.name,
        context=character.context or _NO_CONTEXT,
        greeting=character.greeting_at(request.greeting_index or 0) or None,
        user_name=user_name,
        said=request.question,
        spoken_name=character.spoken_name,
        material=_material(character, tokens, note=request.author_note or ""),
    )


def of_transcript(transcript: Transcript, names: Names) -> FramedQuestion[RolePlayPersona]:
    """The transcript's question; the client's instructions are the character's quoted introduction."""
    return of_cast(
        Cast(
            name=names.character or transcript.names.get("assistant", ""),
            context=transcript.instructions_text(macros=True) or _NO_CONTEXT,
            greeting=names.greeting or transcript.opening,
            user_name=names.user or transcript.names.get("user"),
            said=transcript.question,
        )
    )


def of_transcript_with_character(
    transcript: Transcript, names: Names, character: CharacterSheet, tokens: int
) -> FramedQuestion[RolePlayPersona]:
    """The transcript's question to a stored character, in a prompt of so many tokens.

    The client's instructions stand behind the character's own introduction, as quoted as that, which is cut
    before they are. A client that keeps the character's first line among its messages wins with it.
    """
    told = transcript.instructions_text(macros=True)
    return of_cast(
        Cast(
            name=character.name,
            context=character.context or ("" if told else _NO_CONTEXT),
            greeting=transcript.opening or character.greeting_at(0) or None,
            user_name=names.user or transcript.names.get("user"),
            said=transcript.question,
            spoken_name=character.spoken_name,
            material=_material(character, tokens, told=told),
        )
    )


def _material(character: CharacterSheet, tokens: int, *, note: str = "", told: str = "") -> Material:
    """What belongs to the scene of a stored character beside its introduction and greeting."""
    return Material(
        examples=character.example_dialogue,
        instructions=character.post_history_instructions,
        note=note,
        told=told,
        lorebook=character.lorebook,
        tokens=tokens,
    )
