"""A further service of the character's kind, with a schema and a persona shape of its own; see further.py."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import ConfigDict, Field

from chatbot.core.frame import Frame, FramedQuestion
from chatbot.core.page import CharacterFields, ChatPage
from chatbot.core.service import Service
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.language import Language
from chatbot.domain.messages import PromptPart
from chatbot.domain.prompts import PersonaTexts
from chatbot.domain.schemas import CharacterName, CharacterText
from chatbot.domain.service_names import ServiceName
from chatbot.services.kinds import role_play
from chatbot.services.kinds.scene_request import SceneRequest


class StoryRequest(SceneRequest):
    """The next move in a story."""

    described_by = ("teller", "first_line", "world")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "input_data": "문을 연다.",
                    "teller": "해설자",
                    "first_line": "낡은 문 앞에 섰습니다.",
                    "world": "안개 낀 항구 도시.",
                    "tone": "dark",
                    "user_id": "test_user",
                }
            ]
        }
    )

    teller: CharacterName | None = None
    first_line: CharacterText | None = None
    world: CharacterText | None = None
    hero: CharacterName | None = Field(default=None, description="Whom the user plays.")
    tone: Literal["light", "dark"] = "light"


class StoryPersona(role_play.RolePlayPersona):
    """A teller in one language; ``dark`` joins the rules of a dark story."""

    dark: str


KOREAN = StoryPersona(
    rules="이야기꾼입니다.",
    card="{character_name}: {context}",
    user_label="모험가",
    dark="어둡게 들려줍니다.",
)
ENGLISH = StoryPersona(
    rules="You tell a story.", card="{character_name}: {context}", user_label="Hero", dark="Tell it darkly."
)


def _of_body(body: StoryRequest) -> FramedQuestion[StoryPersona]:
    return _told(
        role_play.Cast(body.teller or "", body.world or "", body.first_line, body.hero, body.question), body
    )


def _of_character(body: StoryRequest, character: CharacterSheet, tokens: int) -> FramedQuestion[StoryPersona]:
    return _told(role_play.cast_of(character, body, body.hero, tokens), body)


def _told(cast: role_play.Cast, body: StoryRequest) -> FramedQuestion[StoryPersona]:
    def frame(personas: Mapping[Language, StoryPersona]) -> Frame:
        framed = role_play.frame(cast, personas)
        dark = PromptPart("dark", personas[framed.language].dark)
        return replace(framed, system=(*framed.system, dark)) if body.tone == "dark" else framed

    return FramedQuestion(body.question, frame)


SERVICE = Service(
    name=ServiceName("story"),
    title={"ko": "이야기", "en": "Story"},
    port=8005,
    request=StoryRequest,
    personas=PersonaTexts(StoryPersona, {"ko": KOREAN, "en": ENGLISH}),
    of_body=_of_body,
    of_character=_of_character,
    of_transcript=role_play.of_transcript,
    page=ChatPage(
        character=CharacterFields(name="teller", greeting="first_line", context="world", user_name="hero")
    ),
)
