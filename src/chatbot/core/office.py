"""The office service: a work assistant, Korean first, that can search the web."""

from chatbot.core.service import Frame, Service
from chatbot.domain.language import language_of
from chatbot.domain.messages import PromptPart, ServiceName, Speakers
from chatbot.domain.prompts import PersonaFile
from chatbot.domain.schemas import OfficeRequest


def office_frame(question: str, personas: PersonaFile) -> Frame:
    """The assistant's persona in the question's language."""
    language = language_of(question)
    persona = personas.office[language]
    return Frame(
        system=(PromptPart("rules", persona.rules),),
        speakers=Speakers(persona.user_label, persona.assistant_label),
        language=language,
    )


def _frame(request: OfficeRequest, personas: PersonaFile) -> Frame:
    return office_frame(request.input_data, personas)


def _searches(request: OfficeRequest) -> bool:
    return request.google_access


OFFICE = Service(ServiceName.OFFICE, OfficeRequest, _frame, _searches)
