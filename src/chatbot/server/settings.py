"""The only reader of the environment: ``CHATBOT_*`` variables and an ``.env`` file become typed settings.

A wrong value stops the start with one sentence that names the variable; a misspelt variable does too,
because a setting that is silently ignored is worse than one that is wrong.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from chatbot.domain.config import (
    AccessConfig,
    CharacterConfig,
    HistoryConfig,
    OfficeConfig,
    OpenAIConfig,
    QueueConfig,
    SearchConfig,
    ServiceConfig,
)
from chatbot.domain.errors import StartupError
from chatbot.domain.messages import ServiceName

PREFIX = "CHATBOT_"
_LINKS = re.compile(r"_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP))")
"""What Kubernetes injects for a Service whose name begins with "chatbot": not ours, and no misspelling."""

CommaList = Annotated[tuple[str, ...], NoDecode]


class Settings(BaseSettings):
    """Everything that can be set; see ``.env.example`` for the whole list with units and reasons."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        env_file_encoding="utf-8",
        extra="forbid",
        frozen=True,
    )

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 opens the suite to the network."
    )
    port: int = Field(default=8001, ge=0, le=65535, description="Port of the one-machine gateway.")
    data_dir: Path = Field(default=Path("data"), description="Folder of everything the suite writes.")
    models_dir: Path | None = Field(
        default=None, description="Folder of GGUF files; empty: models in the data folder."
    )
    prompts_dir: Path | None = Field(
        default=None, description="Folder with config-Llama.json and config-OpenAI.json; empty: packaged."
    )
    deadline_seconds: float = Field(
        default=180, gt=0, le=3600, description="Longest time from a question to its last token, seconds."
    )
    drain_seconds: float = Field(
        default=185, ge=0, le=3600, description="Longest time to finish answers after SIGTERM, seconds."
    )
    trusted_proxies: CommaList = Field(
        default=(), description="Addresses or networks whose X-Forwarded-For is believed, comma-separated."
    )
    cors_origins: CommaList = Field(
        default=(), description="Origins whose pages may call the API, comma-separated."
    )
    log_format: Literal["json", "console"] = Field(
        default="console", description="json for collectors, console for people."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe level that is logged."
    )
    office: OfficeConfig = Field(default_factory=OfficeConfig)
    character: CharacterConfig = Field(default_factory=CharacterConfig)
    queue: QueueConfig = Field(default_factory=QueueConfig)
    history: HistoryConfig = Field(default_factory=HistoryConfig)
    search: SearchConfig = Field(default_factory=SearchConfig)
    openai: OpenAIConfig = Field(default_factory=OpenAIConfig)
    access: AccessConfig = Field(default_factory=AccessConfig)

    @field_validator("trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(item.strip() for item in value.split(",") if item.strip())
        return value

    def service(self, name: ServiceName) -> ServiceConfig:
        """The configuration of one service."""
        return self.office if name is ServiceName.OFFICE else self.character

    @property
    def models_folder(self) -> Path:
        """Where GGUF files are looked for."""
        return self.models_dir or self.data_dir / "models"


def _variables(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
    """Every variable of a settings shape with its field, nested shapes included."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _variables(kind, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", field


def documented_variables() -> tuple[tuple[str, str, str], ...]:
    """Every variable as (name, default, description), for ``.env.example`` and ``chatbot settings``."""
    defaults = Settings.model_construct()
    rows = []
    for name, field in _variables(Settings, PREFIX):
        value: Any = defaults
        for part in name.removeprefix(PREFIX).lower().split("__"):
            value = getattr(value, part)
        rows.append((name, _shown(value), field.description or ""))
    return tuple(rows)


def _shown(value: Any) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, dict):
        import json

        return json.dumps({key: item.model_dump(exclude_defaults=True) for key, item in value.items()})
    if hasattr(value, "get_secret_value"):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_names(environment: Iterable[str]) -> None:
    known = {name for name, _ in _variables(Settings, PREFIX)}
    groups = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for variable in environment:
        name = variable.upper()
        if not name.startswith(PREFIX) or name in known | groups or _LINKS.search(name):
            continue
        if name.startswith(f"{PREFIX}TEST_"):
            continue
        import difflib

        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else "; `chatbot settings` lists all"
        raise StartupError(f"{variable} is not a setting{hint}")


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check the settings.

    Raises:
        StartupError: one sentence for each wrong value, naming its variable.
    """
    _check_names(os.environ if environment is None else environment)
    try:
        return Settings()
    except ValidationError as error:
        lines = []
        for item in error.errors(include_input=False, include_url=False):
            name = PREFIX + "__".join(str(part).upper() for part in item["loc"])
            lines.append(f"{name}: {item['msg']}")
        raise StartupError("; ".join(lines)) from None
    except SettingsError as error:
        # pydantic-settings names the field, not the variable, and only for values that must be JSON.
        field = re.search(r'field "(\w+)"', str(error))
        raise StartupError(
            f"{PREFIX}{field[1].upper() if field else ''}…: the value is not valid JSON"
        ) from None
