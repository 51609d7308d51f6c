"""The only reader of the environment: ``CHATBOT_*`` variables and an ``.env`` file become typed settings.

A wrong value stops the start with one sentence that names the variable; a misspelt variable does too,
because a setting that is silently ignored is worse than one that is wrong.
"""

import ipaddress
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, Field, ValidationError, create_model, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from chatbot.core.service import AnyService
from chatbot.domain.config import (
    GATEWAY_PORT,
    AccessConfig,
    HistoryConfig,
    OpenAIConfig,
    QueueConfig,
    SearchConfig,
    ServiceConfig,
)
from chatbot.domain.errors import StartupError
from chatbot.domain.service_names import ServiceName
from chatbot.services.registry import SERVICES

PREFIX = "CHATBOT_"
ENV_FILE = ".env"
_LINKS = re.compile(r"_(SERVICE_(HOST|PORT)|PORT_\d+_(TCP|UDP))")
"""What Kubernetes injects for a Service whose name begins with "chatbot": not ours, and no misspelling."""


def _network(text: str) -> str:
    """Refuse what no address can match: an unknown name would silently trust nobody."""
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text} is no IP address or network: {error}") from None
    return text


def _origin(text: str) -> str:
    """Refuse everything but scheme://host[:port]; ``*`` would let any page read its visitor's answers."""
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or text != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ValueError(f"{text} is no origin such as https://chat.example.org")
    return text


Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode]


class Settings(BaseSettings):
    """Everything that can be set; see ``.env.example`` for the whole list with units and reasons.

    ``load_settings`` makes them with a group more for each service, under the service's name.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=ENV_FILE,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
    )

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; 0.0.0.0 opens the suite to the network.",
    )
    port: int = Field(default=GATEWAY_PORT, ge=0, le=65535, description="Port of the one-machine gateway.")
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
    trusted_proxies: Networks = Field(
        default=(), description="Addresses or networks whose X-Forwarded-For is believed, comma-separated."
    )
    cors_origins: Origins = Field(
        default=(), description="Origins whose pages may call the API, comma-separated."
    )
    log_format: Literal["json", "console"] = Field(
        default="console", description="json for collectors, console for people."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe level that is logged."
    )
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
        config: ServiceConfig = getattr(self, name)
        return config

    @property
    def models_folder(self) -> Path:
        """Where GGUF files are looked for."""
        return self.models_dir or self.data_dir / "models"


def _group(service: AnyService) -> type[ServiceConfig]:
    """The settings of one service: those of every service, with its own defaults."""
    fields: dict[str, Any] = {}
    for name, default in {**service.settings, "port": service.port}.items():
        field = copy(ServiceConfig.model_fields[name])
        field.default = default
        fields[name] = (field.annotation, field)
    return create_model(f"{service.name.capitalize()}Config", __base__=ServiceConfig, **fields)


def _with_services() -> type[Settings]:
    """The settings with a group for each service."""
    groups: dict[str, Any] = {}
    for service in SERVICES.values():
        group = _group(service)
        groups[service.name] = (group, Field(default_factory=group))
    return create_model("AllSettings", __base__=Settings, **groups)


_ALL = _with_services()


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
    defaults = _ALL.model_construct()
    rows = []
    for name, field in _variables(_ALL, PREFIX):
        value: Any = defaults
        for part in name.removeprefix(PREFIX).lower().split("__"):
            value = getattr(value, part)
        rows.append((name, _shown(value), field.description or ""))
    return tuple(rows)


def _shown(value: Any) -> str:
    if value is None or value in ((), {}):
        return ""
    if isinstance(value, dict):
        return json.dumps({key: item.model_dump(exclude_defaults=True) for key, item in value.items()})
    if isinstance(value, tuple):
        return json.dumps(value)
    if hasattr(value, "get_secret_value"):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_names(environment: Iterable[str], file: Iterable[str]) -> None:
    """Refuse the suite's prefix before a name that is no setting, and any such name in ``.env``."""
    known = {name for name, _ in _variables(_ALL, PREFIX)}
    groups = {f"{PREFIX}{name.upper()}" for name in _ALL.model_fields}
    ours = [
        name for name in environment if name.upper().startswith(PREFIX) and not _LINKS.search(name.upper())
    ]
    for variable, place in [(name, "") for name in ours] + [(name, " in .env") for name in file]:
        name = variable.upper()
        if name in known | groups or name.startswith(f"{PREFIX}TEST_"):
            continue
        import difflib

        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else "; `chatbot settings` lists all"
        raise StartupError(f"{_printable(variable)}{place} is not a setting{hint}")


def of_this_pod() -> tuple[ServiceName, ...]:
    """The services that a pod of Kubernetes runs: those that its environment sets up; none outside one."""
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        return ()
    return tuple(name for name in SERVICES if f"{PREFIX}{name.upper()}__MODEL" in os.environ)


def _complaint(place: tuple[int | str, ...], message: str) -> str:
    """One wrong value as a sentence; an item of a list goes by its variable's name."""
    names = [part for part in place if isinstance(part, str)]
    sentence = message.removeprefix("Value error, ")
    return _printable(f"{PREFIX}{'__'.join(names).upper()}: {sentence}")


def _printable(text: str) -> str:
    """The text with escapes in place of what would move a terminal's cursor or show as nothing."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def load_settings(environment: Mapping[str, str] | None = None, **options: Any) -> Settings:
    """Read and check the settings; ``options`` of the command line go before the environment.

    Raises:
        StartupError: one sentence for each wrong value, naming its variable.
    """
    try:
        file = dotenv_values(ENV_FILE)
    except UnicodeDecodeError:
        raise StartupError(f"{ENV_FILE} is not UTF-8: save it with that encoding.") from None
    _check_names(os.environ if environment is None else environment, file)
    try:
        return _ALL(**options)
    except ValidationError as error:
        items = error.errors(include_input=False, include_url=False)
        raise StartupError("; ".join(_complaint(item["loc"], item["msg"]) for item in items)) from None
    except RecursionError:
        raise StartupError(f"{PREFIX}…: a value nests its JSON too deep") from None
    except SettingsError as error:
        # pydantic-settings names the field, not the variable, and only for values that must be JSON.
        field = re.search(r'field "(\w+)"', str(error))
        raise StartupError(
            f"{PREFIX}{field[1].upper() if field else ''}…: the value is not valid JSON"
        ) from None
