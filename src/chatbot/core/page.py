"""What the chat page must know of a service; delivered to the page, so that its scripts name no service."""

from collections.abc import Mapping
from dataclasses import dataclass

from chatbot.domain.language import Language

Bilingual = Mapping[Language, str]
"""A text for people, in both languages."""


@dataclass(frozen=True, slots=True)
class CharacterFields:
    """Under which names of the request's body the page sends what its character form holds."""

    name: str
    """The character's name."""

    greeting: str
    """The character's first line."""

    context: str
    """Who and where the character is."""

    user_name: str
    """What the user is called; sent only where the user gave a name."""


@dataclass(frozen=True, slots=True)
class ChatPage:
    """How the chat page of a service looks beyond its title."""

    character: CharacterFields | None = None
    """Show the character form and send its texts so; None: the page has no such form."""

    hint: Bilingual | None = None
    """What one can ask here, one sentence on the empty page; None: no such line."""

    suggestions: tuple[Bilingual, ...] = ()
    """Questions that the empty page offers."""
