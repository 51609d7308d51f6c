"""Where a service's persona texts come from, and what an operator's file is told when it is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatbot.adapters.persona_files import LLAMA_FILE, own_personas, read_personas
from chatbot.domain.errors import StartupError
from chatbot.domain.prompts import PersonaTexts
from chatbot.domain.service_names import ServiceName
from chatbot.services.kinds.assistant import AssistantPersona
from chatbot.services.registry import PERSONA_TEXTS

TUTOR = ServiceName("tutor")
PERSONA = AssistantPersona(rules="가르칩니다.", user_label="학생", assistant_label="선생님")
WITH_TUTOR = {**PERSONA_TEXTS, TUTOR: PersonaTexts(AssistantPersona, {"ko": PERSONA, "en": PERSONA})}
OWN = {"rules": "회사 규칙입니다.", "user_label": "직원", "assistant_label": "비서"}
BOTH = {"ko": OWN, "en": OWN}


def written(folder: Path, **texts: Any) -> Path:
    """A folder with this persona file for the local model."""
    (folder / LLAMA_FILE).write_text(json.dumps(texts), "utf-8")
    return folder


def test_a_file_without_a_service_s_name_leaves_its_packaged_texts(tmp_path: Path) -> None:
    folder = written(tmp_path, office=BOTH)
    found = read_personas(LLAMA_FILE, folder, WITH_TUTOR)
    assert found["office"]["ko"].rules == "회사 규칙입니다."
    assert found["character"] == read_personas(LLAMA_FILE, None, PERSONA_TEXTS)["character"]
    assert found["tutor"]["en"] is PERSONA
    assert list(own_personas(LLAMA_FILE, folder, WITH_TUTOR)) == ["office"]


def test_the_operator_s_texts_go_before_those_in_the_service_s_file(tmp_path: Path) -> None:
    found = read_personas(LLAMA_FILE, written(tmp_path, tutor=BOTH), WITH_TUTOR)
    assert found["tutor"]["ko"].assistant_label == "비서"


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        ({"ofice": BOTH}, "ofice: Extra inputs are not permitted"),
        ({"tutor": BOTH}, "tutor: Extra inputs are not permitted"),
        ({"office": None}, "office: Input should be a valid dictionary"),
        ({"office": {"ko": OWN}}, "office: Dictionary should have at least 2 items"),
        (
            {"office": {"ko": OWN, "en": {**OWN, "rules": ""}}},
            "office.en.rules: String should have at least 1",
        ),
        ({"character": BOTH}, "character.ko.card: Field required"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, texts: Any, sentence: str) -> None:
    with pytest.raises(StartupError) as refused:
        read_personas(LLAMA_FILE, written(tmp_path, **texts), PERSONA_TEXTS)
    assert str(refused.value).startswith(f"CHATBOT_PROMPTS_DIR: {tmp_path / LLAMA_FILE}: ")
    assert sentence in str(refused.value)


def test_a_service_whose_texts_are_nowhere_is_named() -> None:
    with pytest.raises(StartupError, match="no persona texts of tutor"):
        read_personas(LLAMA_FILE, None, {**PERSONA_TEXTS, TUTOR: PersonaTexts(AssistantPersona)})
