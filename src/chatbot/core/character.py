"""The character service: role-play with the character that each request describes."""

import re

from chatbot.core.service import Frame, Service
from chatbot.domain.language import language_of
from chatbot.domain.messages import Part, ServiceName, Speakers
from chatbot.domain.prompts import PersonaFile
from chatbot.domain.schemas import CharacterRequest

_MACRO = re.compile(r"\{\{(char|user)\}\}", re.IGNORECASE)


def fill_macros(text: str, character: str, user: str) -> str:
    """Replace the card macros ``{{char}}`` and ``{{user}}`` (character card V2); other braces stay."""
    return _MACRO.sub(lambda match: character if match[1].lower() == "char" else user, text)


def character_frame(name: str, greeting: str | None, context: str, personas: PersonaFile) -> Frame:
    """The role-play rules, then the character's card; the greeting is the character's first turn.

    The card is filled by replacement rather than ``str.format``: the texts come from a stranger.
    """
    persona = personas.character[language_of(f"{context} {greeting or ''}")]
    before, _, after = persona.card.partition("{context}")
    card = (
        before.replace("{character_name}", name)
        + fill_macros(context, name, persona.user_label)
        + after.replace("{character_name}", name)
    )
    return Frame(
        system=(Part("rules", persona.rules), Part("context", card)),
        speakers=Speakers(persona.user_label, " ".join(name.split())),
        opening=fill_macros(greeting, name, persona.user_label) if greeting else None,
    )


def _frame(request: CharacterRequest, personas: PersonaFile) -> Frame:
    return character_frame(request.character_name, request.greeting, request.context, personas)


def _searches(_: CharacterRequest) -> bool:
    return False


CHARACTER = Service(ServiceName.CHARACTER, CharacterRequest, _frame, _searches)
