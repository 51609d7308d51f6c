"""What a running service publishes of itself: its name, and what a question to it must hold.

The load test has no list of services. A gateway answers an unknown path with the names of its services (as
JSON, with status 404), and each service describes its questions at /{name}/openapi.json, by a schema with an
example.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from loadtest.client.asking import UnreachableError, get, get_json, json_of

# What every question is given by whoever asks it; the rest of its body comes from the example.
_GIVEN = frozenset({"input_data", "user_id", "db_id"})
_CHARACTER = frozenset({"character_name", "greeting", "context"})
_SEARCH = "google_access"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PublishedService:
    """A service as a client can know it."""

    name: str
    """The first part of its paths."""
    example: Mapping[str, Any]
    """The body of a question as the service shows it, without what the load test gives itself."""
    character_fields: frozenset[str]
    """Which fields describe a character; empty for a service that plays none."""
    searches: bool
    """Whether a question may ask for a search of the web."""


def names_of(target: str) -> tuple[str, ...]:
    """The services that a target lists, in its order. Raises UnreachableError."""
    url = f"{target}/"
    listed = json_of(get(url, accept="application/json"))
    names = listed.get("services") if isinstance(listed, dict) else None
    known = names if isinstance(names, list) else ()
    found = tuple(dict.fromkeys(name for name in known if isinstance(name, str) and _NAME.fullmatch(name)))
    if not found:
        raise UnreachableError(f"{url}: lists no services; name them with --service")
    return found


def describe(target: str, name: str) -> PublishedService:
    """What a service says of its questions. Raises UnreachableError, also where its example would not do."""
    url = f"{target}/{name}/openapi.json"
    content = _at(
        get_json(url), "paths", f"/{name}/Llama", "post", "requestBody", "content", "application/json"
    )
    schema = _at(content, "schema")
    fields = _at(schema, "properties")
    if "input_data" not in fields:
        raise UnreachableError(f"{url}: describes no question at /{name}/Llama")
    character = _CHARACTER & fields.keys() if "character_name" in fields else frozenset()
    example = _example(content, schema)
    required = schema.get("required")
    needed = set(required if isinstance(required, list) else ()) - _GIVEN - character
    if missing := sorted(needed - example.keys()):
        raise UnreachableError(f"{url}: the example of a question lacks {', '.join(missing)}")
    own = {key: value for key, value in example.items() if key not in _GIVEN | character | {_SEARCH}}
    return PublishedService(name, own, character, _SEARCH in fields)


def _example(content: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first example, from any of the places that OpenAPI 3.1 has for one."""
    named = content.get("examples")
    plain = schema.get("examples")
    candidates: Iterable[object] = (
        content.get("example"),
        *(_at(each).get("value") for each in (named.values() if isinstance(named, dict) else ())),
        *(plain if isinstance(plain, list) else ()),
        schema.get("example"),
    )
    return next((found for found in candidates if isinstance(found, dict)), {})


def _at(value: object, *keys: str) -> Mapping[str, Any]:
    """The object at a path into JSON; an empty one where the path ends early."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
