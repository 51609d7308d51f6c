"""A question on its way: what is computed once, what its events carry, and when its tokens left."""

import pytest
from tests.support.fakes import FakeModel, SilentMeter, packaged_personas, service_state

from chatbot.core.frame import Frame
from chatbot.core.reply import Answered
from chatbot.core.service import Question
from chatbot.core.statistics import Statistics, TokenTimes
from chatbot.domain.messages import Token, Waiting
from chatbot.domain.prompts import Personas
from chatbot.services.kinds import assistant

pytestmark = pytest.mark.anyio


async def test_the_frame_is_built_once_and_the_answer_brings_its_whole_text() -> None:
    built: list[Frame] = []

    def frame(personas: Personas) -> Frame:
        built.append(assistant.frame("안녕", personas))
        return built[-1]

    model = FakeModel(Waiting(1, 2.0), Token("안"), Token("녕"))
    state = service_state(model=model)
    reply = state.chat.begin("Llama", Question("안녕", frame, "user:u", 0.0))
    events = [event async for event in reply.events()]
    assert len(built) == 1
    assert events[:3] == [Waiting(1, 2.0), Token("안"), Token("녕")]
    (answered,) = events[3:]
    assert isinstance(answered, Answered)
    assert answered.text == "안녕"
    assert model.places[0].released


def test_the_first_token_is_timed_from_the_arrival_and_each_further_one_from_the_last() -> None:
    class Times(SilentMeter):
        def __init__(self) -> None:
            super().__init__()
            self.first: list[float] = []
            self.between: list[float] = []

        def first_token(self, seconds: float) -> None:
            self.first.append(seconds)

        def inter_token(self, seconds: float) -> None:
            self.between.append(seconds)

    meter, now = Times(), iter([12.0, 12.5, 14.0])
    times = TokenTimes(Statistics(meter), 10.0, lambda: next(now))
    for _ in range(3):
        times.token_leaves()
    assert (meter.first, meter.between) == ([2.0], [0.5, 1.5])


def test_the_language_of_a_question_goes_with_its_frame() -> None:
    personas = packaged_personas()["office"]
    assert [assistant.frame(text, personas).language for text in ("안녕", "Hello")] == ["ko", "en"]
