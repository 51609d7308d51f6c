"""The character service: role-play with a character that a request describes, or that its user keeps."""

from pydantic import ConfigDict, Field

from chatbot.core.frame import FramedQuestion
from chatbot.core.page import CharacterFields, ChatPage
from chatbot.core.service import Service
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.prompts import PersonaTexts
from chatbot.domain.schemas import CharacterName, CharacterText
from chatbot.domain.service_names import ServiceName
from chatbot.services.kinds import role_play
from chatbot.services.kinds.scene import Material
from chatbot.services.kinds.scene_request import SceneRequest


class CharacterRequest(SceneRequest):
    """A line to a character that the request describes, or that its user keeps."""

    described_by = ("character_name", "greeting", "context")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "input_data": "*I wave at Rachel with a smile.*",
                    "character_name": "Rachel",
                    "greeting": "*Rachel looks up from her book.* Oh, hello there!",
                    "context": "Rachel is a 29-year-old librarian with a dry wit and a love of old maps.",
                    "user_id": "test_user",
                    "db_id": "123e4567-e89b-12d3-a456-426614174000",
                }
            ]
        }
    )

    character_name: CharacterName | None = Field(
        default=None, description="The character's name, 1 to 50 characters; required without character_id."
    )
    greeting: CharacterText | None = Field(
        default=None, description="The first line, 1 to 2,000 characters; required without character_id."
    )
    context: CharacterText | None = Field(
        default=None, description="Who and where, 1 to 2,000 characters; required without character_id."
    )
    user_name: CharacterName | None = Field(
        default=None, description="What {{user}} becomes; null or absent: a word for the user."
    )


def _of_body(body: CharacterRequest) -> FramedQuestion[role_play.RolePlayPersona]:
    return role_play.of_cast(
        role_play.Cast(
            name=body.character_name or "",
            context=body.context or "",
            greeting=body.greeting,
            user_name=body.user_name,
            said=body.question,
            material=Material(note=body.author_note or ""),
        )
    )


def _of_character(
    body: CharacterRequest, character: CharacterSheet, tokens: int
) -> FramedQuestion[role_play.RolePlayPersona]:
    return role_play.of_cast(role_play.cast_of(character, body, body.user_name, tokens))


SERVICE = Service(
    name=ServiceName("character"),
    title={"ko": "캐릭터 대화", "en": "Character chat"},
    port=8003,
    request=CharacterRequest,
    personas=PersonaTexts(role_play.RolePlayPersona),
    of_body=_of_body,
    of_character=_of_character,
    # What role-play fails by is repetition and rare slips of the pen (docs/engine.md, "Choosing tokens").
    settings={"min_p": 0.05, "dry_multiplier": 0.8},
    of_transcript=role_play.of_transcript,
    of_transcript_with_character=role_play.of_transcript_with_character,
    remembered=(
        *("character_id", "greeting_index", "character_name", "greeting", "context", "user_name"),
        "author_note",
    ),
    page=ChatPage(
        character=CharacterFields(
            name="character_name", greeting="greeting", context="context", user_name="user_name"
        )
    ),
)
