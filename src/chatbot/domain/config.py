"""Typed configuration: what can be set, its unit, its default and why.

Read by nobody here: chatbot.server.settings fills these shapes from the environment. The descriptions are
the documentation; ``chatbot settings`` and ``.env.example`` are made from them.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from chatbot.domain.messages import Sampling
from chatbot.domain.sampling import LONGEST_ANSWER, SamplingSettings, sampling_of
from chatbot.domain.vram import KvType

ROUTE_NAMES = frozenset({"performance", "rooms", "docs", "redoc", "openapi.json", "v1", "static"})
"""Path segments under a service's prefix that are routes: no model can go by one of these names."""

GATEWAY_PORT = 8001
"""Port of the one-machine gateway (contract §1) unless it is set: no service's default."""

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def is_alias(name: str) -> bool:
    """Whether a model can go by this name in the path."""
    return _ALIAS.fullmatch(name) is not None and name.lower() not in ROUTE_NAMES


ANSWER_RESERVE = 512
"""Tokens of a conversation's context that the prompt never takes (contract §3)."""


def summary_reserve(context_tokens: int, room: int) -> int:
    """Tokens of the room for turns that are kept free for a summary, however long it is (decision 21).

    An eighth of the context; a long persona leaves little, and then half of that little is the turns'.
    """
    return min(context_tokens // 8, room // 2)


def _layers(value: object) -> int | str:
    """One sentence for what is neither; a union of types would complain once for each."""
    text = str(value)
    if text == "auto":
        return text
    if text == "-1" or text.isdecimal():
        return int(text)
    raise ValueError("must be a number of layers, -1 for all, or auto for as many as fit")


class Config(BaseModel):
    """Base of all shapes: a misspelt name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Port = Annotated[
    int, Field(ge=0, le=65535, description="Port of the service itself: API, health and metrics.")
]


class ServiceConfig(SamplingSettings):
    """One service: its port, its model, and how the model answers."""

    port: Port
    model: str = Field(
        default="gemma3-270m",
        min_length=1,
        description="GGUF file: a path, a file name in the models folder, or gemma3-270m (packaged).",
    )
    context_tokens: int = Field(
        default=4096, ge=1024, le=131072, description="Tokens of one conversation: prompt and answer."
    )
    max_tokens: int = Field(default=2048, ge=1, le=LONGEST_ANSWER, description="Longest answer, tokens.")
    pool_tokens: int = Field(
        default=0,
        ge=0,
        description=(
            "KV pool shared by all users of the model, tokens (cells). 0: on a card what fits beside the "
            "weights, at most a conversation for each of PARALLEL; on a CPU 16384."
        ),
    )
    kv_type: KvType = Field(
        default="f16",
        description=(
            "How the KV pool holds its numbers: f16, or q8_0, which holds nearly twice the tokens of a card "
            "and makes steps slower (docs/engine.md)."
        ),
    )
    host_cache_mib: int = Field(
        default=1024,
        ge=0,
        description="Memory of the machine for conversations that left the KV pool, MiB; 0 keeps none.",
    )
    parallel: int = Field(default=24, ge=1, le=128, description="Sequences that generate at the same time.")
    speculation: bool = Field(
        default=True,
        description=(
            "Guess tokens from what the conversation already says and check them in rows that cost little: "
            "faster quotes, the same text."
        ),
    )
    korean_letters: bool = Field(
        default=True,
        description=(
            "Answer Korean questions in Hangul, Latin and Greek only, unless another script stands in the "
            "question, the character or the search results, or is asked for."
        ),
    )
    summaries: bool = Field(
        default=False,
        description=(
            "While nobody asks, let the model sum up a room's oldest turns before they no longer fit its "
            "prompts; the summary then stands in their place. Worth it with models of 8 billion parameters "
            "and more."
        ),
    )
    gpu_layers: Annotated[int | Literal["auto"], BeforeValidator(_layers)] = Field(
        default=0,
        description="Layers on the GPU: 0 is CPU, -1 is all, auto is as many as fit its free memory.",
    )
    gpu: int = Field(default=0, ge=0, description="Index of the card when the host has several.")
    threads: int = Field(
        default=0, ge=0, le=512, description="CPU threads; 0 takes the CPU quota and affinity."
    )

    def sampling(self) -> Sampling:
        """The service's defaults as the engine takes them."""
        return replace(sampling_of(self, self.max_tokens), korean_letters=self.korean_letters)


class EngineConfig(Config):
    """One engine: a model file and how llama.cpp holds it. Services that name the same file share one.

    ``card_sharers`` engines of this process use the card; each that chooses for itself takes its part.
    """

    model_path: Path
    name: str
    context_tokens: int
    pool_tokens: int
    kv_type: KvType = "f16"
    host_cache_mib: int
    parallel: int
    speculation: bool = True
    gpu_layers: int | Literal["auto"] = 0
    gpu: int = 0
    card_sharers: int = 1
    threads: int = 0


class QueueConfig(Config):
    """Bounds of the queue in front of a model."""

    max_waiting: int = Field(default=256, ge=1, le=10000, description="Requests that may wait for one model.")
    max_per_user: int = Field(
        default=32, ge=1, le=1000, description="Requests that one user may have waiting and running."
    )


class HistoryConfig(Config):
    """Where turns are stored and for how long."""

    mongo_uri: SecretStr = Field(
        default=SecretStr(""), description="MongoDB address; empty stores in an SQLite file."
    )
    database: str = Field(
        default="chatbot", pattern=r"^[A-Za-z0-9_-]{1,38}$", description="MongoDB database name."
    )
    sqlite_path: Path | None = Field(
        default=None, description="SQLite file; empty: history.sqlite3 in the data folder."
    )
    spool_dir: Path | None = Field(
        default=None,
        description="Folder that keeps turns while the database is away; empty: spool in the data folder.",
    )
    retention_days: int = Field(
        default=0, ge=0, description="Rooms unused for so many days are deleted; 0 keeps all."
    )
    timeout_seconds: float = Field(
        default=0.5, gt=0, le=10, description="Longest time an answer waits for the database, seconds."
    )


class OpenAIAlias(Config):
    """One alias of an OpenAI model and the parameters that this model takes."""

    model: str = Field(min_length=1, description="Model id as the upstream knows it.")
    token_parameter: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"  # noqa: S105 (a parameter's name)
    sampling: bool = Field(default=True, description="Whether the model takes temperature and top_p.")
    context_tokens: int = Field(
        default=8192, ge=1024, description="Tokens of one conversation, prompt and answer, roughly counted."
    )
    extra: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="Further body parameters, for example reasoning_effort."
    )


class OpenAIConfig(Config):
    """The OpenAI alternative, or any server that speaks its protocol."""

    api_key: SecretStr = Field(
        default=SecretStr(""), description="API key; empty turns the aliases off (503)."
    )
    base_url: str = Field(default="https://api.openai.com/v1", description="Address of the API.")
    aliases: dict[str, OpenAIAlias] = Field(
        default_factory=lambda: {
            "gpt4.1": OpenAIAlias(model="gpt-4.1"),
            "gpt4.1_mini": OpenAIAlias(model="gpt-4.1-mini"),
        },
        description="Aliases in the path, each mapped to a model id and its parameters, as JSON.",
    )
    max_concurrent: int = Field(default=32, ge=1, le=1000, description="Requests under way at once.")


class SearchConfig(Config):
    """Web search providers; one without its key or address is skipped."""

    naver_client_id: SecretStr = Field(default=SecretStr(""), description="Naver search API client id.")
    naver_client_secret: SecretStr = Field(
        default=SecretStr(""), description="Naver search API client secret."
    )
    kakao_api_key: SecretStr = Field(default=SecretStr(""), description="Kakao REST API key.")
    searxng_url: str = Field(default="", description="Address of an own SearXNG with JSON output on.")
    tavily_api_key: SecretStr = Field(default=SecretStr(""), description="Tavily API key.")
    brave_api_key: SecretStr = Field(default=SecretStr(""), description="Brave search API key.")
    google_api_key: SecretStr = Field(
        default=SecretStr(""), description="Google JSON API key; it closes on 2027-01-01."
    )
    google_engine_id: str = Field(default="", description="Google programmable search engine id.")
    ddgs: bool = Field(default=False, description="Ask DuckDuckGo and others through the ddgs package.")
    wikipedia: bool = Field(default=True, description="Ask Wikipedia last.")
    contact: str = Field(
        default="",
        max_length=100,
        pattern=r"^[ -~]*$",
        description="Address or e-mail of the operator, sent as part of the User-Agent, as Wikipedia asks.",
    )
    budget_seconds: float = Field(
        default=5.0, gt=0, le=30, description="Longest time of one search in all, seconds."
    )
    cache_seconds: int = Field(default=300, ge=0, description="How long a result is reused, seconds.")


class AccessConfig(Config):
    """Who may ask."""

    keys_file: Path | None = Field(
        default=None, description="JSON file of hashed API keys and the users they own; empty: no keys asked."
    )
