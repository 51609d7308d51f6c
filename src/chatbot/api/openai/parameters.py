"""The parameters that the suite knows and does not honour: none that changes an answer is ignored in silence.

Honoured is what ``schema`` has as fields. Here stand the others of OpenAI's API reference ("Create chat
completion"), of llama-server (tools/server/README.md) and of vLLM: what would change the answer is refused
unless its value asks for nothing, what would not passes and is named to the client.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from chatbot.api.errors import RequestRefused

UNSUPPORTED = "unsupported_parameter"
"""The code of a refusal for what the suite cannot do."""

OTHERS = "others"
"""What the client is told of names that are not known: never the names, which are a stranger's text."""

_LOGPROBS = ("logprobs와 top_logprobs를 쓰세요.", "Use logprobs and top_logprobs.")
_SAMPLER = ("이 서버에는 이 표본 추출 설정이 없습니다.", "This server does not have this sampler setting.")
_TEXT_ONLY = ("이 모델은 글만 읽고 씁니다.", "This model reads and writes text only.")
_FUNCTION_CALL = ("tools와 tool_choice를 쓰세요.", "Use tools and tool_choice.")
_NO_SEARCH = ("이 경로는 웹을 검색하지 않습니다.", "This route does not search the web.")


@dataclass(frozen=True, slots=True)
class RefusedParameter:
    """A parameter that would change the answer in a way that the suite cannot."""

    sentence: tuple[str, str]
    """Why not, in Korean and English."""

    harmless: tuple[object, ...] = ()
    """Values that ask for nothing, beside null, false, 0 and what is empty."""

    def asks_for_nothing(self, value: object) -> bool:
        """Whether the answer is the same with this value as without the parameter."""
        return not value or any(
            value == same and isinstance(value, bool) == isinstance(same, bool) for same in self.harmless
        )


REFUSED: Mapping[str, RefusedParameter] = {
    "function_call": RefusedParameter(_FUNCTION_CALL, ("auto", "none")),
    "n_probs": RefusedParameter(_LOGPROBS),
    "audio": RefusedParameter(_TEXT_ONLY),
    "modalities": RefusedParameter(_TEXT_ONLY, (["text"],)),
    "web_search_options": RefusedParameter(_NO_SEARCH),
    "mirostat": RefusedParameter(_SAMPLER),
    "samplers": RefusedParameter(_SAMPLER),
    "ignore_eos": RefusedParameter(_SAMPLER),
    "n_predict": RefusedParameter(_SAMPLER, (-1,)),
}
"""By name; the order is that in which they are looked for."""

IGNORED = frozenset(
    # OpenAI's: what a platform keeps, bills or speeds up
    {"metadata", "store", "service_tier", "prediction", "prompt_cache_key", "prompt_cache_retention"}
    | {"safety_identifier", "reasoning_effort", "verbosity"}
    # one call at most, and where the client leaves the choice, none: the answer is text
    | {"functions", "parallel_tool_calls"}
    # llama-server's and vLLM's: caches, slots, measurements, thinking that our models do not do
    | {"cache_prompt", "id_slot", "n_keep", "n_discard", "n_cache_reuse", "timings_per_token"}
    | {"return_progress", "return_tokens", "reasoning_format", "reasoning_budget", "chat_template_kwargs"}
    | {"add_generation_prompt", "continue_final_message", "include_reasoning"}
    # details of samplers that have no effect while the sampler itself is off
    | {"mirostat_tau", "mirostat_eta", "min_keep"}
)
"""Names of what has no meaning here."""


def check_parameters(
    body: Mapping[str, object],
    honoured: Collection[str],
    refused: Mapping[str, RefusedParameter] = REFUSED,
    ignored: Collection[str] = IGNORED,
) -> tuple[str, ...]:
    """Look at every parameter of a request.

    Args:
        body: The request.
        honoured: The names that its schema reads.
        refused: Those that ask for what the suite cannot do, in the order in which they are looked for.
        ignored: Those that have no meaning here.

    Returns:
        The names that the client is to be told of as ignored, each of ours, in alphabetical order.

    Raises:
        RequestRefused: a value asks for what the suite cannot do.
    """
    for name, parameter in refused.items():
        if name in body and not parameter.asks_for_nothing(body[name]):
            raise RequestRefused(400, parameter.sentence, param=name, code=UNSUPPORTED)
    passing = {name: value for name, value in body.items() if name not in honoured and name not in refused}
    return tuple(sorted(set(_named(passing, ignored))))


def _named(passing: Mapping[str, object], ignored: Collection[str]) -> Iterator[str]:
    for name, value in passing.items():
        if value is None:
            continue
        if name not in ignored:
            yield OTHERS
        elif value not in ([], {}):
            yield name
