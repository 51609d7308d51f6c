"""Services that answer as an assistant, such as the office's."""

from collections.abc import Mapping
from functools import partial

from chatbot.core.frame import Frame, FramedQuestion
from chatbot.core.transcript import Names, Transcript
from chatbot.domain.language import Language, language_of
from chatbot.domain.messages import PromptPart, Speakers
from chatbot.domain.prompts import Label, Persona
from chatbot.domain.schemas import ChatRequest


class AssistantPersona(Persona):
    """An assistant in one language. ``rules`` is the whole system text."""

    assistant_label: str = Label


def frame(question: str, personas: Mapping[Language, AssistantPersona], opening: str | None = None) -> Frame:
    """The assistant's persona in the question's language."""
    language = language_of(question)
    persona = personas[language]
    return Frame(
        system=(PromptPart("rules", persona.rules),),
        speakers=Speakers(persona.user_label, persona.assistant_label),
        language=language,
        opening=opening,
    )


def of_body(body: ChatRequest) -> FramedQuestion[AssistantPersona]:
    """The body's question in the assistant's frame."""
    return FramedQuestion(body.question, partial(frame, body.question))


def of_transcript(transcript: Transcript, _: Names) -> FramedQuestion[AssistantPersona]:
    """The transcript's question; the client's instructions join the user's turn."""
    instructions = transcript.instructions_text(macros=False)
    question = "\n\n".join(text for text in (instructions, transcript.question) if text)
    framed = partial(frame, transcript.question or instructions, opening=transcript.opening)
    return FramedQuestion(question, framed)
