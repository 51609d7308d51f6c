"""How a client of OpenAI's format wants its answer generated."""

from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from chatbot.api.openai.fields import OpenAIObject
from chatbot.domain.messages import Sampling
from chatbot.domain.sampling import SamplingRequest
from chatbot.domain.schemas import Text

_MOST_STOPS = 16


def _listed(stop: object) -> object:
    """A single stop string as a list of one."""
    return [stop] if isinstance(stop, str) else stop


def _token_limit(value: object) -> object:
    """A number of tokens; -1 is no limit, as for llama-server."""
    if type(value) is int and value < 1 and value != -1:
        raise PydanticCustomError("token_limit", "Input should be at least 1, or -1 for no limit")
    return value


TokenLimit = Annotated[int, BeforeValidator(_token_limit)]


class SamplingFields(OpenAIObject, SamplingRequest):
    """The fields of a request that say how the answer is generated."""

    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    stop: Annotated[
        list[Text],
        Field(max_length=_MOST_STOPS, fail_fast=True),
        BeforeValidator(_listed, json_schema_input_type=str | list[str]),
    ] = Field(default_factory=list)

    def tuned(self, sampling: Sampling) -> Sampling:
        """The service's ``sampling`` with what the client set; its own token limit is never exceeded."""
        limits = [limit for limit in (self.max_completion_tokens, self.max_tokens) if limit is not None]
        wanted = next((limit for limit in limits if limit > 0), sampling.max_tokens)
        return replace(
            self.over(sampling),
            max_tokens=min(wanted, sampling.max_tokens),
            stop=sampling.stop + tuple(stop for stop in self.stop if stop),
        )
