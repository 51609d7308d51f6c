"""What a service may be called: one word that stands in paths, settings, commands and the history's keys."""

import re
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

RESERVED_NAMES = frozenset(
    # settings: CHATBOT_<NAME>__… and CHATBOT_<NAME>
    {"access", "history", "host", "openai", "port", "queue", "search", "test"}
    # what every object that holds settings has already
    | {"construct", "copy", "dict", "json", "schema", "service", "validate"}
    # commands: `chatbot <name>`
    | {"balance", "cards", "doctor", "keys", "models", "prompts", "settings", "up", "version"}
    # paths beside the services'
    | {"healthz", "metrics", "readyz"}
    # parts of the suite in a cluster, which has one object of each name
    | {"backup", "backups", "dashboard", "data", "gateway", "libs", "loadtest", "outage", "rest", "results"}
    | {"routes", "services", "suite"}
    # what people call several services at once
    | {"all", "both"}
)
"""Words that no service can go by, since something else does already."""

_SERVICE_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")


class ServiceName(str):
    """A service's name: its path prefix, its command, the prefix of its settings, and the history's key.

    Raises:
        ValueError: not 1 to 20 lower-case letters and digits with a letter first, or a reserved word.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> Self:
        """Check the name, or raise ValueError with the rule that it breaks."""
        if not _SERVICE_NAME.fullmatch(name):
            raise ValueError("a service's name is 1 to 20 of a-z and 0-9, a letter first")
        if name in RESERVED_NAMES:
            raise ValueError(f"{name} is a reserved word: no service can go by it")
        return super().__new__(cls, name)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A field of this type takes a string and checks it."""
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())
