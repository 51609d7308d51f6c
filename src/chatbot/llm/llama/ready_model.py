"""A loaded model as the event loops use it: from a request to a place, from a rendered prompt to a stream."""

import time
from dataclasses import dataclass

from chatbot.domain.messages import Conversation, Sampling
from chatbot.domain.models import AdmissionRequest
from chatbot.llm.llama.delivery import Outbox
from chatbot.llm.llama.engine import Cancel, Engine, Submit
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.prompt import Prompter, RenderedPrompt
from chatbot.llm.llama.stream import Stream
from chatbot.scheduling.admission import AdmissionController
from chatbot.scheduling.rates import Speeds
from chatbot.scheduling.scheduler import Scheduler
from chatbot.scheduling.ticket import Progress, Ticket


@dataclass(frozen=True, slots=True)
class ReadyModel:
    """A model that is ready to work; its methods are called on event loops."""

    file: ModelFile
    engine: Engine
    admission: AdmissionController
    """Who gets a place."""
    scheduler: Scheduler
    """Who has one, and who starts next."""
    speeds: Speeds
    """What the engine has measured, for estimates."""
    prompter: Prompter
    context_tokens: int
    """The most tokens of a prompt and its answer together."""

    def reserve(self, request: AdmissionRequest) -> Ticket:
        """A place for the request, by what is known before its prompt.

        Raises:
            Overloaded: there is none.
        """
        characters = request.prompt_chars
        prompt = min(max(8, round(characters * self.speeds.tokens_per_char.value)), self.context_tokens)
        progress = Progress(
            prompt=prompt,
            fresh=self._probably_fresh(prompt),
            max_tokens=min(request.max_tokens, self.context_tokens),
        )
        ticket = Ticket(request.service, request.caller, request.deadline, progress)
        self.admission.reserve(ticket, time.monotonic())
        return ticket

    def submit(
        self, ticket: Ticket, prompt: RenderedPrompt, conversation: Conversation, sampling: Sampling
    ) -> Stream:
        """Hand a rendered prompt to the engine; called on the event loop that reads the answer."""
        length = len(prompt.tokens)
        progress = ticket.progress
        # Admission may have set a limit of its own, so that the answer ends before its deadline.
        progress.max_tokens = max(
            1, min(progress.max_tokens, sampling.max_tokens, self.context_tokens - length)
        )
        kept = frozenset(prompt.report.kept_turns)
        characters = len(conversation.system_text) + len(conversation.user_text) + len(conversation.begun)
        characters += sum(
            len(turn.question) + len(turn.answer) for turn in conversation.exchanges if turn.index in kept
        )
        self.scheduler.prompt_known(ticket, length, self._probably_fresh(length), characters)
        stream = Stream(ticket, prompt, sampling, Outbox())
        self.engine.send(Submit(stream))
        return stream

    def cancel(self, stream: Stream) -> None:
        """End a submitted stream within a step; harmless when it has ended."""
        self.engine.send(Cancel(stream))

    def give_up(self, ticket: Ticket) -> None:
        """Free a place whose prompt the engine has not got; harmless when repeated."""
        self.scheduler.finished(ticket, time.monotonic(), complete=False)

    def close(self) -> None:
        """Free the weights; the engine has freed its context."""
        self.file.close()

    def _probably_fresh(self, prompt: int) -> int:
        """How many of a prompt's tokens no cache will hold, by those of late."""
        return max(1, round(prompt * min(1.0, self.speeds.fresh_share.value)))
