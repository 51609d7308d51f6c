"""ChatModel over one upstream: a place at the door, and one streamed request for each answer."""

import asyncio
import time
from collections.abc import AsyncGenerator, Hashable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from chatbot.domain.config import OpenAIAlias
from chatbot.domain.errors import DeadlineExceeded, Draining, NotConfigured, UpstreamFailed
from chatbot.domain.forms import FormKind
from chatbot.domain.messages import (
    Conversation,
    Finished,
    FinishReason,
    GenerationEvent,
    Prompted,
    Sampling,
    Token,
    Usage,
)
from chatbot.domain.models import AdmissionRequest, ModelState, ModelStatus
from chatbot.domain.service_names import ServiceName
from chatbot.domain.token_estimate import estimate_tokens
from chatbot.llm.openai.deltas import WholeCharacters
from chatbot.llm.openai.forms import response_format
from chatbot.llm.openai.prompt import Prompt, build_prompt
from chatbot.llm.openai.trouble import UpstreamTrouble, pause_before
from chatbot.llm.openai.upstream_client import UpstreamClient
from chatbot.llm.stops import StopFilter

_STOPS_UPSTREAM = 4
"""More stop strings than this are refused by the protocol; all are cut here anyway."""

_NOT_CONFIGURED_RETRY = 60

CHARS_OF_A_TOKEN = 64
"""More than any token has but those of white space alone."""

_AT_ONCE = 2048
"""Characters in which stop strings are looked for in one go: some milliseconds, whatever a client chose."""

_SAMPLING = frozenset({"temperature", "top_p", "seed", "presence_penalty", "frequency_penalty"})
"""What is not sent to a model that takes no sampling parameters."""

_LOCAL = frozenset(
    {"top_k", "min_p", "typical_p", "top_n_sigma", "xtc_probability", "dynatemp_range", "repeat_penalty"}
    | {"dry_multiplier", "logit_bias", "logprobs", "top_logprobs", "n"}
    | {FormKind.REGEX.value, FormKind.GRAMMAR.value, FormKind.CALL.value}
)
"""What OpenAI does not have, what is said of tokens (theirs are other ones than our text shows), several
answers, and forms that are no JSON."""


class OpenAIModel:
    """One alias."""

    def __init__(self, alias: OpenAIAlias, line: UpstreamClient) -> None:
        self._alias = alias
        self._line = line

    @property
    def name(self) -> str:
        """The model's id as upstream knows it, in printable ASCII."""
        return "".join(c if " " < c <= "~" else "?" for c in self._alias.model)

    @property
    def lacks(self) -> frozenset[str]:
        """See ChatModel."""
        return _LOCAL if self._alias.sampling else _LOCAL | _SAMPLING

    @property
    def continues(self) -> bool:
        """See ChatModel: servers of this protocol begin a new answer behind the assistant's message."""
        return False

    def reserve(self, request: AdmissionRequest) -> "OpenAIPlace":
        """Take a place; see ChatModel.reserve."""
        if not self._line.configured:
            raise NotConfigured("CHATBOT_OPENAI__API_KEY is not set", _NOT_CONFIGURED_RETRY)
        if self._line.draining:
            raise Draining("the process is closing its connections")
        queue = (self, request.service)
        self._line.door.enter(request.caller, queue)
        return OpenAIPlace(self._alias, self._line, request, queue)

    def queue_size(self, service: ServiceName) -> int:
        """Requests of the service to this alias that hold a place and have not gone out."""
        return self._line.door.waiting((self, service))

    def status(self) -> ModelStatus:
        """READY with a key; a foreign model's own health shows only when it is asked."""
        if not self._line.configured:
            return ModelStatus(ModelState.FAILED, "CHATBOT_OPENAI__API_KEY is not set")
        state = ModelState.DRAINING if self._line.draining else ModelState.READY
        return ModelStatus(state, tokens_per_second=self._line.tokens_per_second())


@dataclass(slots=True)
class _Reading:
    """What has been read of an answer so far; ``begun`` and ``first_text`` are monotonic seconds."""

    begun: float
    first_text: float | None = None
    estimated_tokens: int = 0
    reason: FinishReason | None = None
    usage: Usage | None = None


class OpenAIPlace:
    """One reserved request; see the Place port."""

    def __init__(
        self, alias: OpenAIAlias, line: UpstreamClient, request: AdmissionRequest, queue: Hashable
    ) -> None:
        self._alias = alias
        self._line = line
        self._request = request
        self._queue = queue
        self._begun = False
        self._released = False

    def release(self) -> None:
        """Give the place up."""
        self._leave(None)

    def _leave(self, seconds: float | None) -> None:
        if not self._released:
            self._released = True
            self._begin()
            self._line.door.leave(self._request.caller, seconds)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._line.door.begin(self._queue)

    async def generate(
        self, conversation: Conversation, sampling: Sampling
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Yield Tokens, then one Finished; see Place.generate. Closing it closes the connection."""
        reading = _Reading(time.monotonic())
        try:
            # On a thread: a stranger's texts may take a tenth of a second to be read.
            prompt, body = await asyncio.to_thread(self._written, conversation, sampling)
            self._begin()
            yield Prompted(prompt.report)
            async with aclosing(self._tries(body, sampling, reading)) as texts:
                async for text in texts:
                    yield Token(text)
            yield self._finished(prompt, reading)
        except DeadlineExceeded as late:
            raise DeadlineExceeded(late.stage, self._finished(prompt, reading)) from None
        finally:
            self.release()

    def _written(self, conversation: Conversation, sampling: Sampling) -> tuple[Prompt, dict[str, Any]]:
        """The prompt and the request."""
        prompt = build_prompt(conversation, self._alias.context_tokens, self._line.redact)
        body = request_body(self._alias, prompt, sampling)
        if sampling.form is not None:
            body["response_format"] = response_format(sampling.form, self._line.redact)
        return prompt, body

    async def _tries(
        self, body: dict[str, Any], sampling: Sampling, reading: _Reading
    ) -> AsyncGenerator[str, None]:
        """Ask until upstream answers; a failure after the first text is final."""
        attempt = 1
        while True:
            try:
                async with aclosing(self._read(body, sampling, reading)) as texts:
                    async for text in texts:
                        yield text
            except UpstreamTrouble as caught:
                trouble = caught
            else:
                return
            pause = None
            if reading.first_text is None:
                pause = pause_before(attempt + 1, trouble, self._request.deadline - time.monotonic())
            if pause is None:
                raise trouble.error
            attempt += 1
            await asyncio.sleep(pause)

    async def _read(
        self, body: dict[str, Any], sampling: Sampling, reading: _Reading
    ) -> AsyncGenerator[str, None]:
        """One request: its text, cut at stop strings; the end is written into ``reading``.

        A server that minds no token limit is cut where no text of so many tokens goes on.
        """
        vendor = await self._line.vendor()
        characters, cutter = WholeCharacters(), StopFilter(sampling.stop)
        left = CHARS_OF_A_TOKEN * sampling.max_tokens
        said: FinishReason | None = None
        async with vendor.stream(body, self._request.deadline) as pieces:
            async for piece in pieces:
                said, reading.usage = piece.finish or said, piece.usage or reading.usage
                whole = characters.feed(piece.text)
                for at in range(0, min(len(whole), left), _AT_ONCE):
                    if at:
                        await asyncio.sleep(0)
                    if text := cutter.feed(whole[at : min(at + _AT_ONCE, left)]):
                        yield _noted(text, reading)
                left -= len(whole)
                if left < 0:
                    said = FinishReason.LENGTH
                if cutter.stopped or left < 0:
                    break
        if not cutter.stopped:
            rest = cutter.feed(characters.flush()) + cutter.flush()
            if rest:
                yield _noted(rest, reading)
        reading.reason = FinishReason.STOP if cutter.stopped else _reason(said, reading.usage)
        if reading.reason is None:
            raise UpstreamTrouble(UpstreamFailed("the stream ended before the answer"), passing=True)
        if reading.first_text is None and not cutter.stopped:
            raise UpstreamTrouble(UpstreamFailed(f"an answer without text ({reading.reason})"), passing=False)

    def _finished(self, prompt: Prompt, reading: _Reading) -> Finished:
        now = time.monotonic()
        usage = reading.usage or Usage(prompt.tokens, 0, reading.estimated_tokens)
        first = reading.first_text or now
        self._line.produced(usage.completion)
        self._leave(now - reading.begun)
        return Finished(
            reason=reading.reason or FinishReason.STOP,
            usage=usage,
            queue=0.0,
            prefill=first - reading.begun,
            decode=now - first,
        )


def _noted(text: str, reading: _Reading) -> str:
    if reading.first_text is None:
        reading.first_text = time.monotonic()
    reading.estimated_tokens += estimate_tokens(text)
    return text


def _reason(said: FinishReason | None, usage: Usage | None) -> FinishReason | None:
    """How upstream ended, or None when the answer is not complete.

    Some servers name no reason but report the usage, which only a complete answer has.
    """
    return FinishReason.STOP if said is None and usage is not None else said


def request_body(alias: OpenAIAlias, prompt: Prompt, sampling: Sampling) -> dict[str, Any]:
    """The request's parameters as this alias's model takes them."""
    body: dict[str, Any] = {
        "model": alias.model,
        "messages": prompt.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
        alias.token_parameter: min(sampling.max_tokens, alias.context_tokens - prompt.tokens),
    }
    if alias.sampling:
        body |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
        penalties = {
            "presence_penalty": sampling.presence_penalty,
            "frequency_penalty": sampling.frequency_penalty,
        }
        body |= {name: value for name, value in penalties.items() if value}
        if sampling.stop:
            body["stop"] = list(sampling.stop[:_STOPS_UPSTREAM])
        if sampling.seed is not None:
            body["seed"] = sampling.seed
    if alias.extra:
        body["extra_body"] = dict(alias.extra)
    return body
