"""What a service, or one request, may say of how tokens are chosen: the names of llama-server, with bounds.

Each number is described once and stands in two shapes: as a setting of a service, which has a default, and in
a request, where what is absent is as the service has it. The bounds are those within which llama.cpp computes
what its documentation says (``tools/server/README.md``), or narrower where more would only cost time.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from chatbot.domain.messages import WHOLE_CONTEXT, Sampling

LONGEST_WINDOW = 131_072
"""Tokens that a penalty may look back on: the longest context."""

LONGEST_ANSWER = 32_768
"""Tokens that an answer may be limited to, as a setting and in a request."""

MOST_BIASES = 300
"""Tokens that may have a bias, as many as OpenAI takes."""

MOST_BREAKERS = 8
_BREAKER = r"^[\n!-/:-@\[-`{-~]$"
"""A line feed or a character of ASCII's punctuation. llama.cpp lists all tokens that hold a breaker, 60 ms of
work on 262,144 tokens, and every sampler has a copy of the list: for a letter that would be megabytes.
"""

MOST_CANDIDATES = 1000
"""The largest top-k, and what 0 means in a request: sorting the whole vocabulary for one token would cost
everybody in the batch up to 60 ms (``python -m bench.sampling``). A service's own setting may be 0."""

_ID = re.compile(r"[0-9]{1,9}")

_DEFAULT = Sampling()

_OFF: Mapping[str, tuple[object, ...]] = {
    "top_k": (0, -1),
    "min_p": (0,),
    "typical_p": (1,),
    "top_n_sigma": (0, -1),
    "xtc_probability": (0,),
    "dynatemp_range": (0,),
    "repeat_penalty": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "dry_multiplier": (0,),
    "logit_bias": ({},),
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
}
"""Values that turn a sampler off."""


def _token_ids(value: object) -> object:
    """JSON's keys are strings: take those that are a number, of no more than there may be."""
    if not isinstance(value, dict):
        return value
    if len(value) > MOST_BIASES:
        most = {"max_length": MOST_BIASES}
        raise PydanticCustomError("too_long", "Should have at most {max_length} items", most)
    if not all(isinstance(key, str) and _ID.fullmatch(key) for key in value):
        raise PydanticCustomError("token_id", "Each name should be the id of a token")
    return {int(key): bias for key, bias in value.items()}


Temperature = Annotated[float, Field(ge=0, le=2, description="Sampling temperature; 0 is greedy.")]
DynatempRange = Annotated[
    float, Field(ge=0, le=2, description="How far the temperature moves with the entropy; 0 keeps it.")
]
DynatempExponent = Annotated[
    float, Field(ge=0, le=10, description="How the entropy becomes a temperature; 1 is in proportion.")
]
TopK = Annotated[
    int,
    Field(ge=-1, le=MOST_CANDIDATES, description="Candidates kept; 0 or -1 keeps the whole vocabulary."),
]
TopP = Annotated[float, Field(ge=0, le=1, description="Nucleus sampling: probability mass kept.")]
MinP = Annotated[
    float, Field(ge=0, le=1, description="Least probability, as a part of the best token's; 0 is off.")
]
TypicalP = Annotated[
    float, Field(ge=0, le=1, description="Locally typical sampling: probability mass kept; 1 is off.")
]
TopNSigma = Annotated[
    float,
    Field(ge=-1, le=100, description="Standard deviations below the best logit that are kept; 0 is off."),
]
XtcProbability = Annotated[
    float, Field(ge=0, le=1, description="How often XTC removes the likeliest candidates but one; 0 is off.")
]
XtcThreshold = Annotated[
    float, Field(ge=0, le=1, description="Probability from which XTC may remove one; above 0.5 is off.")
]
RepeatPenalty = Annotated[
    float,
    Field(
        ge=0.1, le=10, description="Factor against tokens that stand in the last REPEAT_LAST_N; 1 is none."
    ),
]
PresencePenalty = Annotated[
    float, Field(ge=-2, le=2, description="Taken from the logit of a token that stands there; 0 is none.")
]
FrequencyPenalty = Annotated[
    float, Field(ge=-2, le=2, description="The same for each time that it stands there; 0 is none.")
]
RepeatLastN = Annotated[
    int,
    Field(
        ge=WHOLE_CONTEXT,
        le=LONGEST_WINDOW,
        description="Tokens that these penalties look back on; 0 is none, -1 the whole conversation.",
    ),
]
DryMultiplier = Annotated[
    float, Field(ge=0, le=100, description="Strength of DRY, which is against repeated sequences; 0 is off.")
]
DryBase = Annotated[
    float, Field(ge=1, le=10, description="Factor by which DRY grows with each further repeated token.")
]
DryAllowedLength = Annotated[
    int, Field(ge=0, le=1000, description="Length of a repeated sequence that DRY lets pass, tokens.")
]
DryPenaltyLastN = Annotated[
    int,
    Field(
        ge=WHOLE_CONTEXT,
        le=LONGEST_WINDOW,
        description="Tokens that DRY looks back on; 0 is none, -1 the whole conversation.",
    ),
]
DrySequenceBreakers = Annotated[
    tuple[Annotated[str, Field(pattern=_BREAKER)], ...],
    Field(
        max_length=MOST_BREAKERS,
        fail_fast=True,
        strict=False,
        description="Line feed or punctuation over which DRY follows no sequence, as a JSON array.",
    ),
]
LogitBias = Annotated[
    dict[int, Annotated[float, Field(ge=-100, le=100)]],
    BeforeValidator(_token_ids),
    Field(max_length=MOST_BIASES, description="Added to the logits of tokens, as JSON: id to bias."),
]


class SamplingSettings(BaseModel):
    """The settings of a service that say how its tokens are chosen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: Temperature = _DEFAULT.temperature
    top_p: TopP = _DEFAULT.top_p
    top_k: TopK = _DEFAULT.top_k
    min_p: MinP = _DEFAULT.min_p
    typical_p: TypicalP = _DEFAULT.typical_p
    top_n_sigma: TopNSigma = _DEFAULT.top_n_sigma
    xtc_probability: XtcProbability = _DEFAULT.xtc_probability
    xtc_threshold: XtcThreshold = _DEFAULT.xtc_threshold
    dynatemp_range: DynatempRange = _DEFAULT.dynatemp_range
    dynatemp_exponent: DynatempExponent = _DEFAULT.dynatemp_exponent
    repeat_penalty: RepeatPenalty = _DEFAULT.repeat_penalty
    presence_penalty: PresencePenalty = _DEFAULT.presence_penalty
    frequency_penalty: FrequencyPenalty = _DEFAULT.frequency_penalty
    repeat_last_n: RepeatLastN = _DEFAULT.repeat_last_n
    dry_multiplier: DryMultiplier = _DEFAULT.dry_multiplier
    dry_base: DryBase = _DEFAULT.dry_base
    dry_allowed_length: DryAllowedLength = _DEFAULT.dry_allowed_length
    dry_penalty_last_n: DryPenaltyLastN = _DEFAULT.dry_penalty_last_n
    dry_sequence_breakers: DrySequenceBreakers = _DEFAULT.dry_sequence_breakers
    logit_bias: LogitBias = {}


class SamplingRequest(BaseModel):
    """How the tokens of one answer are chosen; null or absent is as the service has it."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    min_p: MinP | None = None
    typical_p: TypicalP | None = None
    top_n_sigma: TopNSigma | None = None
    xtc_probability: XtcProbability | None = None
    xtc_threshold: XtcThreshold | None = None
    dynatemp_range: DynatempRange | None = None
    dynatemp_exponent: DynatempExponent | None = None
    repeat_penalty: RepeatPenalty | None = None
    presence_penalty: PresencePenalty | None = None
    frequency_penalty: FrequencyPenalty | None = None
    repeat_last_n: RepeatLastN | None = None
    dry_multiplier: DryMultiplier | None = None
    dry_base: DryBase | None = None
    dry_allowed_length: DryAllowedLength | None = None
    dry_penalty_last_n: DryPenaltyLastN | None = None
    dry_sequence_breakers: DrySequenceBreakers | None = None
    logit_bias: LogitBias | None = None
    seed: int | None = Field(default=None, description="The same seed, the same tokens; -1 is a fresh one.")

    @property
    def asks_for(self) -> frozenset[str]:
        """Names of the fields that it sets to more than off, those of subclasses among them."""
        return frozenset(
            name for name in self.model_fields_set if getattr(self, name) not in (None, *_OFF.get(name, ()))
        )

    def over(self, sampling: Sampling) -> Sampling:
        """The service's sampling with what the request says."""
        given = {name: getattr(self, name) for name in SamplingRequest.model_fields}
        if self.top_k is not None and self.top_k <= 0:
            given["top_k"] = MOST_CANDIDATES
        return _with(sampling, {name: value for name, value in given.items() if value is not None})


class AnswerSampling(SamplingRequest):
    """The same for a question to a service, with the length of its answer."""

    max_tokens: int | None = Field(
        default=None,
        ge=1,
        le=LONGEST_ANSWER,
        description="Longest answer, tokens; never more than the service's own.",
    )

    @property
    def remembered(self) -> str | None:
        """What the next answer is to be chosen with too, as JSON; a seed is one answer's. None: nothing."""
        chosen = self.model_dump_json(exclude_none=True, exclude={"seed"})
        return None if chosen == "{}" else chosen

    def over(self, sampling: Sampling) -> Sampling:
        """The service's sampling with what the request says."""
        longest = min(self.max_tokens or sampling.max_tokens, sampling.max_tokens)
        return replace(super().over(sampling), max_tokens=longest)


def sampling_of(settings: SamplingSettings, max_tokens: int) -> Sampling:
    """A service's settings as a model takes them."""
    values = {name: getattr(settings, name) for name in SamplingSettings.model_fields}
    return _with(Sampling(max_tokens=max_tokens), values)


def _with(sampling: Sampling, values: dict[str, Any]) -> Sampling:
    if "logit_bias" in values:
        values["logit_bias"] = tuple(values["logit_bias"].items())
    if values.get("top_k", 0) < 0:
        values["top_k"] = 0
    if values.get("seed") == -1:
        values["seed"] = None
    return replace(sampling, **values)
