"""How a client of OpenAI's format wants its answer generated."""

from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from chatbot.api.openai.fields import OpenAIObject, Text
from chatbot.domain.messages import Sampling

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


class SamplingFields(OpenAIObject):
    """The fields of a request that say how the answer is generated."""

    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    stop: Annotated[
        list[Text],
        BeforeValidator(_listed, json_schema_input_type=str | list[str]),
        Field(max_length=_MOST_STOPS),
    ] = Field(default_factory=list)
    seed: int | None = Field(default=None, description="-1 is a fresh one, as for llama-server.")

    def tuned(self, sampling: Sampling) -> Sampling:
        """The service's ``sampling`` with what the client set; its own token limit is never exceeded."""
        limits = [limit for limit in (self.max_completion_tokens, self.max_tokens) if limit is not None]
        wanted = next((limit for limit in limits if limit > 0), sampling.max_tokens)
        return replace(
            sampling,
            max_tokens=min(wanted, sampling.max_tokens),
            stop=sampling.stop + tuple(stop for stop in self.stop if stop),
            seed=None if self.seed == -1 else self.seed,
            temperature=sampling.temperature if self.temperature is None else self.temperature,
            top_p=sampling.top_p if self.top_p is None else self.top_p,
        )
