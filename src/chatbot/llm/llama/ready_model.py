"""A loaded model as the event loops use it: from a request to a place, from a rendered prompt to a stream."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from chatbot.domain.messages import Conversation, Sampling
from chatbot.domain.models import AdmissionRequest
from chatbot.llm.llama.answer_rules import AnswerRules
from chatbot.llm.llama.constraint import Constraint, together
from chatbot.llm.llama.delivery import Outbox
from chatbot.llm.llama.engine import Cancel, Engine, Submit, Undertake
from chatbot.llm.llama.grammars import Grammars
from chatbot.llm.llama.logprobs import ShownTokens
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.pieces import Endings
from chatbot.llm.llama.prompt import Prompter, RenderedPrompt
from chatbot.llm.llama.sampler import Sampler, SamplerMaker
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
    samplers: SamplerMaker
    grammars: Grammars
    rules: AnswerRules
    context_tokens: int
    """The most tokens of a prompt and its answer together."""

    def reserve(self, request: AdmissionRequest) -> list[Ticket]:
        """A place for each answer to the request, by what is known before its prompt.

        Raises:
            Overloaded: there are not so many.
            TooManyAnswers: there never are.
            AskElsewhere: there are not so many at once, and the request wants no others.
        """
        characters = request.prompt_chars
        prompt = min(max(8, round(characters * self.speeds.tokens_per_char.value)), self.context_tokens)
        longest = min(request.max_tokens, self.context_tokens)
        tickets = []
        for answer in range(request.answers):
            progress = Progress(prompt, self._probably_fresh(prompt, answer), longest)
            tickets.append(Ticket(request.service, request.caller, request.deadline, progress))
        *others, last = tickets
        self.admission.reserve(last, time.monotonic(), others, at_once=request.at_once)
        return tickets

    def prepare(
        self, conversation: Conversation, sampling: Sampling, formed: Sequence[Constraint | None]
    ) -> tuple[RenderedPrompt, list[Sampler]]:
        """The conversation as tokens, and for each answer a sampler that has seen them.

        It takes long, so not on an event loop. A seed that is given is the first answer's; each further one
        has the next.

        Args:
            conversation: What is asked.
            sampling: How it is answered.
            formed: For each answer what holds it to the form of ``sampling``.

        Raises:
            BadQuestion: it does not fit, or a bias is for no token.
        """
        prompt = self.prompter.render(conversation)
        if sampling.form is not None:
            prompt = replace(prompt, endings=Endings(formed=True))
        samplers = []
        for answer, form in enumerate(formed):
            seed = None if sampling.seed is None else sampling.seed + answer
            rules = self.rules.constraints(prompt, sampling)
            constraint = together(rules if form is None else [form, *rules])
            samplers.append(self.samplers.make(replace(sampling, seed=seed), prompt.tokens, constraint))
        return prompt, samplers

    def submit(
        self,
        tickets: Sequence[Ticket],
        prompt: RenderedPrompt,
        samplers: Sequence[Sampler],
        conversation: Conversation,
        sampling: Sampling,
    ) -> list[Stream]:
        """Hand what was prepared to the engine; called on the event loop that reads the answers.

        Returns:
            A stream for each answer; the events of all go to one outbox.
        """
        length = len(prompt.tokens)
        kept = frozenset(prompt.report.kept_turns)
        characters = len(conversation.system_text) + len(conversation.user_text) + len(conversation.begun)
        characters += sum(
            len(turn.question) + len(turn.answer) for turn in conversation.exchanges if turn.index in kept
        )
        characters += sum(len(one.text) for one in prompt.conversation.summaries)
        outbox, streams = Outbox(), []
        for answer, (ticket, sampler) in enumerate(zip(tickets, samplers, strict=True)):
            progress = ticket.progress
            # Admission may have set a limit of its own, so that the answer ends before its deadline.
            progress.max_tokens = max(
                1, min(progress.max_tokens, sampling.max_tokens, self.context_tokens - length)
            )
            self.scheduler.prompt_known(ticket, length, self._probably_fresh(length, answer), characters)
            shown = None if sampling.top_logprobs is None else ShownTokens(sampling.top_logprobs)
            streams.append(Stream(ticket, prompt, sampler, sampling.stop, outbox, answer, shown))
        for stream in streams:
            self.engine.send(Submit(stream))
        return streams

    def undertake(self, prompt: RenderedPrompt, sampler: Sampler, sampling: Sampling) -> Stream:
        """Hand what was prepared to the engine as an errand; called on the event loop that reads its text."""
        length = len(prompt.tokens)
        longest = max(1, min(sampling.max_tokens, self.context_tokens - length))
        # Nobody's: no queue, no share and no deadline know of it.
        ticket = Ticket("", "", math.inf, Progress(length, length, longest, ready=True))
        stream = Stream(ticket, prompt, sampler, sampling.stop, Outbox(), 0, None)
        self.engine.send(Undertake(stream))
        return stream

    def cancel(self, stream: Stream) -> None:
        """End a submitted stream within a step; harmless when it has ended."""
        self.engine.send(Cancel(stream))

    def give_up(self, ticket: Ticket) -> None:
        """Free a place whose prompt the engine has not got; harmless when repeated."""
        self.scheduler.finished(ticket, time.monotonic(), complete=False)

    def close(self) -> None:
        """Free the weights; the engine has freed its context."""
        self.grammars.close()
        self.rules.close()
        self.samplers.close()
        self.file.close()

    def _probably_fresh(self, prompt: int, answer: int) -> int:
        """How many of a prompt's tokens no cache will hold, by those of late; further answers share them."""
        return 1 if answer else max(1, round(prompt * min(1.0, self.speeds.fresh_share.value)))
