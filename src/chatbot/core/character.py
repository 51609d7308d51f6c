"""The character service: role-play with the character that each request describes."""

from dataclasses import dataclass

from chatbot.core.service import Frame, Service
from chatbot.domain.language import Language, language_of
from chatbot.domain.macros import fill_macros
from chatbot.domain.messages import PromptPart, ServiceName, Speakers
from chatbot.domain.plaintext import one_line
from chatbot.domain.prompts import PersonaFile
from chatbot.domain.schemas import NAME_CHARS, CharacterRequest

_UNNAMED: dict[Language, str] = {"ko": "상대", "en": "Companion"}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays in a scene and how it begins: a stranger's texts, names included.

    ``user_name`` None or blank: the user goes by the persona file's word for a user. ``said`` is the user's
    line, whose language counts where nothing else has one.
    """

    name: str
    context: str
    greeting: str | None = None
    user_name: str | None = None
    said: str = ""


def character_frame(cast: Cast, personas: PersonaFile) -> Frame:
    """The role-play rules, then the character's card; the greeting is the character's first turn.

    The card is filled by replacement rather than ``str.format``: the texts come from a stranger. A name is
    one line of visible text wherever it stands, so that none can add lines to the card or to a transcript.
    """
    described = f"{cast.context} {cast.greeting or ''}"
    language = language_of(described if any(map(str.isalpha, described)) else cast.said)
    persona = personas.character[language]
    name = one_line(cast.name, NAME_CHARS) or _UNNAMED[language]
    user = one_line(cast.user_name or "", NAME_CHARS) or persona.user_label
    before, _, after = persona.card.partition("{context}")
    card = (
        before.replace("{character_name}", name)
        + fill_macros(cast.context, name, user)
        + after.replace("{character_name}", name)
    )
    return Frame(
        system=(PromptPart("rules", persona.rules), PromptPart("context", card)),
        speakers=Speakers(user, name),
        language=language,
        opening=fill_macros(cast.greeting, name, user) if cast.greeting else None,
    )


def _frame(request: CharacterRequest, personas: PersonaFile) -> Frame:
    cast = Cast(
        name=request.character_name,
        context=request.context,
        greeting=request.greeting,
        user_name=request.user_name,
        said=request.input_data,
    )
    return character_frame(cast, personas)


def _searches(_: CharacterRequest) -> bool:
    return False


CHARACTER = Service(ServiceName.CHARACTER, CharacterRequest, _frame, _searches)
