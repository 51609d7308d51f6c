"""The judges of persona leaks, and the count over a served application."""

import httpx
import pytest
from bench.persona_judges import foreign_letters, is_korean, leaves_the_scene, quotes_rules
from bench.persona_leaks import QUESTIONS, Asker, measured
from tests.support.fakes import FakeModel, FakePlace, packaged_personas, service_state
from tests.support.serving import serving

from chatbot.api.app import create_app
from chatbot.domain.errors import Overloaded
from chatbot.domain.messages import Token
from chatbot.domain.models import AdmissionRequest
from chatbot.server.gateway import Gateway
from chatbot.services.character import CharacterRequest
from chatbot.services.registry import SERVICES

RULES = packaged_personas()["office"]["ko"].rules


def test_repeating_rules_is_noticed_across_line_breaks_and_a_few_words_are_not() -> None:
    assert quotes_rules(f"물론이죠:\n{RULES[:15]}\n{RULES[15:40]}", RULES)
    assert not quotes_rules("저는 회사의 업무를 돕습니다.", RULES)
    assert not quotes_rules("", RULES)


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        ("저는 인공지능 언어 모델입니다.", True),
        ("As an AI I cannot fly.", True),
        ("이 역할극에서는 조종사예요.", True),
        ("```python\nprint(1)\n```", True),
        ("*무전기를 두드린다.* 치직거리네. 배터리부터 보자!", False),
        ("Aim high, pilot.", False),
    ],
)
def test_leaving_the_scene(answer: str, counts: bool) -> None:
    assert leaves_the_scene(answer) == counts


@pytest.mark.parametrize(
    ("answer", "letters"),
    [
        ("안녕하세요, Python 3는 café에서.", ""),
        ("회의는 會議입니다.", "會議"),
        ("이것은 とても 좋아요 да", "とてもда"),
        ("코드는 이래요:\n```\n# 注释\n```\n끝", ""),
        ("기호 ①㎡°α", "α"),
    ],
)
def test_letters_of_other_scripts_are_found_outside_code(answer: str, letters: str) -> None:
    assert foreign_letters(answer) == letters


def test_half_of_the_letters_make_an_answer_korean() -> None:
    assert is_korean("API 문서입니다")
    assert not is_korean("This is 문서")
    assert not is_korean("123")


def test_the_character_of_the_questions_is_a_valid_request() -> None:
    request = CharacterRequest.model_validate({**QUESTIONS["character"], "input_data": "안녕"})
    assert request.question == "안녕"


@pytest.mark.anyio
async def test_every_question_is_asked_in_every_round_and_counted_once() -> None:
    model = FakeModel(Token(f"{RULES[:60]} 會議"))
    refusals = [Overloaded(0, 1, "queue"), Overloaded(0, 1, "queue")]

    class Busy(FakeModel):
        def reserve(self, request: AdmissionRequest) -> FakePlace:
            if refusals:
                raise refusals.pop()
            return model.reserve(request)

    apps = {str(name): create_app(service_state(name, Busy())) for name in SERVICES}
    async with serving(Gateway(apps)) as url, httpx.AsyncClient(base_url=url) as client:
        asker = Asker(client, "Llama", 3)
        rows = await measured(asker, packaged_personas(), 2)
    assert asker.models == {"fake-model"}
    extraction, korean = 2 * len(QUESTIONS["extraction"]), 2 * len(QUESTIONS["korean"])
    counted = {(row.name, row.service): (len(row.examples), row.n) for row in rows}
    assert counted["repeats its rules", "office"] == (extraction, extraction)
    assert counted["repeats its rules", "character"] == (0, extraction)
    assert counted["mixes foreign letters into Korean", "office"] == (korean, korean)
    assert counted["answers Korean in another language", "character"] == (0, korean)
    assert f"| {extraction} of {extraction} | 100.0 % |" in rows[0].row()
    asked = len(model.conversations)
    assert asked == 2 * sum(
        len(QUESTIONS[kind])
        for kind in ("extraction", "extraction", "breaking", "honesty", "korean", "korean")
    )
