"""What the routes of OpenAI's format that ask for an answer do alike: find the model, read the conversation,
take a place.
"""

from dataclasses import replace

from fastapi import Request

from chatbot.api import texts
from chatbot.api.access import Principal
from chatbot.api.errors import RequestRefused
from chatbot.api.openai.body import BodyReader, ReadBody
from chatbot.api.openai.parameters import UNSUPPORTED
from chatbot.api.openai.schema import AskingRequest
from chatbot.api.passing import admission
from chatbot.api.state import ServiceState
from chatbot.core.reply import Backend, Reply
from chatbot.core.service import Question
from chatbot.core.transcript import Names, Transcript, read_messages
from chatbot.domain.models import ModelState

_MODEL_LACKS = ("이 모델은 이 설정을 받지 않습니다.", "This model does not take this parameter.")
_ONE_FORM = (
    "답은 한 가지 형식만 따를 수 있습니다.",
    "An answer can be held to one form only.",
)
_BEGUN_WITHOUT_FORM = (
    "시작된 답을 이어 쓰면서 형식을 지킬 수는 없습니다. 마지막 메시지는 사용자의 것이어야 합니다.",
    "An answer that is begun cannot be held to a form; the last message must be the user's.",
)
_BEGINS_ANEW = (
    "이 모델은 시작된 답을 이어 쓰지 못합니다. 마지막 메시지는 사용자의 것이어야 합니다.",
    "This model cannot continue an answer; the last message must be the user's.",
)
_NO_CHARACTERS = (
    "이 서비스는 저장된 캐릭터를 연기하지 않습니다.",
    "This service plays no stored characters.",
)


def usable_models(state: ServiceState) -> dict[str, Backend]:
    """The models by alias; one without its key, or that could not be loaded, is none that anybody can use."""
    return {
        alias: backend
        for alias, backend in state.chat.backends.items()
        if backend.model.status().state is not ModelState.FAILED
    }


def alias_of(state: ServiceState, model: str) -> str:
    """The alias that a client means: an alias, or the name of the model behind it.

    Raises:
        RequestRefused: there is no such model.
    """
    for alias, backend in state.chat.backends.items():
        if model in (alias, backend.model.name):
            return alias
    raise model_not_found(state)


def model_not_found(state: ServiceState) -> RequestRefused:
    """The refusal that lists the models."""
    sentence = texts.filled(texts.UNKNOWN_MODEL, known=", ".join(usable_models(state)))
    return RequestRefused(404, sentence, param="model", code="model_not_found")


async def begin(
    state: ServiceState,
    request: Request,
    asker: Principal,
    reader: BodyReader,
    body: ReadBody[AskingRequest],
) -> Reply:
    """Take a place for a request that was read; the reply's ``close`` must be called whatever happens.

    Raises:
        NotYourUser: the API key does not own the user.
        RequestRefused: there is no such model, or it does not take what is asked.
        Exception: as ``Chat.begin`` says.
    """
    asked = body.request
    user = asked.user or None
    asker.check_owns(user)
    character = None if asked.character_id is None or user is None else (user, asked.character_id)
    if character is not None and state.chat.service.of_transcript_with_character is None:
        raise RequestRefused(400, _NO_CHARACTERS, param="character_id", code=UNSUPPORTED)
    alias = alias_of(state, asked.model)
    backend = state.chat.backends[alias]

    def framed() -> Question:
        transcript = read_messages(asked.said())
        _check_takes(backend, asked, transcript)
        question = state.chat.service.ask_transcript(
            transcript,
            Names(asked.character_name, asked.user_name, asked.greeting),
            caller=asker.caller(user),
            arrived=request.state.arrived,
            tune=asked.tuned,
            character=character,
            # Whoever streams has what was written, and an error tells what became of the rest.
            keep_partial=not asked.stream,
            key=asker.key,
        )
        frame = question.frame(backend.personas)
        return replace(question, frame=lambda _: frame, answers=asked.answers)

    return state.chat.begin(alias, await reader.work(body, framed), admission(request.headers))


def _check_takes(backend: Backend, asked: AskingRequest, transcript: Transcript) -> None:
    """Refuse what is not possible, or not for a foreign model's server, rather than leave it out."""
    for place, form in enumerate(asked.forms):
        if place or form.kind in backend.model.lacks:
            sentence = _ONE_FORM if place else _MODEL_LACKS
            raise RequestRefused(400, sentence, param=form.param, code=UNSUPPORTED)
        if transcript.begun:
            raise RequestRefused(400, _BEGUN_WITHOUT_FORM, param=asked.conversation, code=UNSUPPORTED)
    lacks = sorted(backend.model.lacks & asked.asks_for)
    if lacks:
        raise RequestRefused(400, _MODEL_LACKS, param=lacks[0], code=UNSUPPORTED)
    if transcript.begun and not backend.model.continues:
        raise RequestRefused(400, _BEGINS_ANEW, param=asked.conversation, code=UNSUPPORTED)
