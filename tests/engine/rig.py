"""A real engine with what tests ask of it: short settings, a recording meter, one line for an answer."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from chatbot.domain.config import EngineConfig
from chatbot.domain.messages import (
    Conversation,
    Finished,
    Prompted,
    PromptPart,
    PromptReport,
    Sampling,
    Token,
    TokenLogprobs,
    Waiting,
)
from chatbot.domain.models import AdmissionRequest
from chatbot.domain.service_names import ServiceName
from chatbot.llm.llama.engine_model import LlamaModel, LlamaPlace
from chatbot.llm.llama.ready_model import ReadyModel
from chatbot.scheduling.admission import Limits

GREEDY = Sampling(temperature=0.0, repeat_penalty=1.0, max_tokens=24)


@dataclass
class Meter:
    """Implements EngineMeter by remembering."""

    steps: list[int] = field(default_factory=list)
    preemptions: int = 0
    drafts: int = 0
    accepted: int = 0
    starts: list[tuple[float, float]] = field(default_factory=list)

    def step(self, sequences: int, seconds: float) -> None:
        """See EngineMeter."""
        assert seconds > 0
        self.steps.append(sequences)

    def drafted(self, tokens: int, accepted: int, saved: float) -> None:
        """See EngineMeter."""
        assert tokens >= accepted
        self.drafts += tokens
        self.accepted += accepted

    def preempted(self) -> None:
        """See EngineMeter."""
        self.preemptions += 1

    def started(self, predicted: float, actual: float) -> None:
        """See EngineMeter."""
        self.starts.append((predicted, actual))


@dataclass
class Answer:
    """What a client got."""

    text: str = ""
    tokens: list[str] = field(default_factory=list)
    logprobs: list[TokenLogprobs] = field(default_factory=list)
    waits: list[Waiting] = field(default_factory=list)
    report: PromptReport | None = None
    end: Finished | None = None

    @property
    def finished(self) -> Finished:
        """The closing event."""
        assert self.end is not None, "the answer never finished"
        return self.end


@dataclass
class Rig:
    """One engine under test."""

    model: LlamaModel
    meter: Meter

    @property
    def loaded(self) -> ReadyModel:
        """The engine's parts."""
        return self.model._loaded.result(timeout=60)

    def place(
        self, caller: str = "somebody", seconds: float = 60.0, max_tokens: int = 64, answers: int = 1
    ) -> LlamaPlace:
        """Reserve places for so many answers, with a deadline so many seconds from now."""
        now = time.monotonic()
        request = AdmissionRequest(
            service=ServiceName("office"),
            caller=caller,
            arrived=now,
            deadline=now + seconds,
            prompt_chars=100,
            max_tokens=max_tokens,
            answers=answers,
        )
        return self.model.reserve(request)

    async def ask(
        self,
        conversation: Conversation,
        sampling: Sampling = GREEDY,
        *,
        caller: str = "somebody",
        seconds: float = 60.0,
    ) -> Answer:
        """Reserve, generate, collect."""
        return (await self.ask_for(1, conversation, sampling, caller=caller, seconds=seconds))[0]

    async def ask_for(
        self,
        number: int,
        conversation: Conversation,
        sampling: Sampling = GREEDY,
        *,
        caller: str = "somebody",
        seconds: float = 60.0,
    ) -> list[Answer]:
        """Several answers to one question; the first has what is told of the question."""
        answers = [Answer() for _ in range(number)]
        place = self.place(caller, seconds, sampling.max_tokens, number)
        async for event in place.generate(conversation, sampling):
            match event:
                case Token(text, logprobs, answer):
                    answers[answer].text += text
                    answers[answer].tokens.append(text)
                    answers[answer].logprobs += logprobs
                case Prompted(report):
                    answers[0].report = report
                case Waiting():
                    answers[0].waits.append(event)
                case Finished():
                    answers[event.answer].end = event
        return answers

    async def ask_all(self, conversations: list[Conversation], sampling: Sampling = GREEDY) -> list[Answer]:
        """All at once, each by a caller of its own."""
        asked = (self.ask(one, sampling, caller=f"user{i}") for i, one in enumerate(conversations))
        return await asyncio.gather(*asked)


def question(text: str, system: str = "Answer briefly.", **more: object) -> Conversation:
    """A conversation with one system part."""
    return Conversation(system=(PromptPart("rules", system),), question=text, **more)  # type: ignore[arg-type]


def open_rig(path: Path, *, exact: bool = True, **settings: object) -> Rig:
    """Open an engine on ``path`` and wait until it is loaded."""
    meter = Meter()
    config = EngineConfig.model_validate(
        {"model_path": path, "name": path.stem, "context_tokens": 1024, "pool_tokens": 4096, "parallel": 24}
        | {"threads": 2, "host_cache_mib": 64}
        | settings
    )
    model = LlamaModel(config, Limits(256, 64), meter, exact=exact)
    model.start()
    rig = Rig(model, meter)
    keep_every_room(rig)
    return rig


def keep_every_room(rig: Rig) -> None:
    """Let every room that leaves the pool be copied, if there is a budget at all.

    Whether a copy pays is measured, and on a busy machine a single slow one would lose the next rooms.
    """
    host_cache = rig.loaded.engine._setup.policy.host_cache
    host_cache.pays = lambda _: host_cache._budget > 0  # type: ignore[method-assign, assignment]
