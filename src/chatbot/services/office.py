"""The office service: a work assistant, Korean first, that can search the web."""

from pydantic import ConfigDict, Field, StrictBool

from chatbot.core.page import ChatPage
from chatbot.core.service import Service
from chatbot.domain.prompts import PersonaTexts
from chatbot.domain.schemas import ChatRequest
from chatbot.domain.service_names import ServiceName
from chatbot.services.kinds import assistant


class OfficeRequest(ChatRequest):
    """A question to the work assistant."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"input_data": "안녕하세요!", "user_id": "test_user"}]}
    )

    google_access: StrictBool = Field(default=False, description="Search the web for this question.")


SERVICE = Service(
    name=ServiceName("office"),
    title={"ko": "업무 도우미", "en": "Work assistant"},
    port=8002,
    request=OfficeRequest,
    personas=PersonaTexts(assistant.AssistantPersona),
    of_body=assistant.of_body,
    of_transcript=assistant.of_transcript,
    search_field="google_access",
    page=ChatPage(
        hint={
            "ko": "메일 쓰기, 요약, 번역, 자료 찾기를 맡겨 보세요.",
            "en": "Hand over mails, summaries, translations and look-ups.",
        },
        suggestions=(
            {
                "ko": "거래처에 회의 일정 변경을 알리는 메일을 써 줘",
                "en": "Write a mail that moves our meeting with a client",
            },
            {
                "ko": "주간 업무 보고서에 들어갈 항목을 정리해 줘",
                "en": "List what belongs in a weekly report",
            },
            {
                "ko": "‘품의서’와 ‘기안서’의 차이를 알려 줘",
                "en": "Explain the difference between a quote and an invoice",
            },
        ),
    ),
)
