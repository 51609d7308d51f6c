"""No text of a body holds what nothing behind it can carry: NUL, or half of a character beyond U+FFFF.

The types of the fields see to that. Every field of every body is looked at here, so that one of another type
is found on the day that it is written.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import SchemaValidator

import chatbot.api
from chatbot.api.character_bodies import ChangedCharacter, NewCharacter
from chatbot.api.openai.responses.schema import ResponseRequest
from chatbot.api.openai.schema import CompletionRequest
from chatbot.api.room_bodies import RoomPatch, RoomQuery, RoomToStore
from chatbot.api.summary_bodies import SummaryPatch
from chatbot.domain.plaintext import is_sound
from chatbot.services.registry import SERVICES

BODIES: list[type[BaseModel]] = [
    *(service.request for service in SERVICES.values()),
    CompletionRequest,
    ResponseRequest,
    RoomPatch,
    RoomQuery,
    RoomToStore,
    SummaryPatch,
    NewCharacter,
    ChangedCharacter,
]
UNSOUND = ("\ud83d", "a\udc00b", "a\x00b")

Node = Mapping[str, Any]
_HARMLESS = {"none", "bool", "int", "float", "literal", "uuid", "datetime", "enum"}
_AROUND = {"default", "nullable", "function-before", "function-after", "function-wrap"}
"""Nodes that stand around another one and check or change what it takes."""


def _inside(node: Node, definitions: dict[str, Node]) -> list[tuple[str, Node]]:
    """The nodes of which a node is made, each with what it adds to the name of the place."""
    match node["type"]:
        case "definitions":
            definitions |= {each["ref"]: each for each in node["definitions"]}
            return [("", node["schema"])]
        case "definition-ref":
            return [("", definitions[node["schema_ref"]])]
        case "model" | "model-field":
            return [("", node["schema"])]
        case "model-fields":
            return [(f".{name}", field) for name, field in node["fields"].items()]
        case "list":
            return [("[]", node["items_schema"])]
        case "tuple":
            return [("[]", each) for each in node["items_schema"]]
        case "dict":
            return [("{name}", node["keys_schema"]), ("{}", node["values_schema"])]
        case "union":
            return [("", each) for each in node["choices"]]
    assert node["type"] in _HARMLESS, node["type"]
    return []


def _places(
    node: Node, place: str, around: Node | None, definitions: dict[str, Node]
) -> Iterator[tuple[str, str, Node]]:
    """All places that take a text ("str") or any JSON ("dict"), each with the checks right around it."""
    kind = node["type"]
    outer = around or node
    if kind in _AROUND:
        yield from _places(node["schema"], place, outer, definitions)
    elif kind == "str" or (kind == "dict" and node["values_schema"]["type"] == "any"):
        yield place, kind, outer
    else:
        for more, inner in _inside(node, definitions):
            yield from _places(inner, place + more, None, definitions)


PLACES = {
    place: (kind, node)
    for body in BODIES
    for place, kind, node in _places(body.__pydantic_core_schema__, body.__name__, None, {})
}


def test_every_body_of_the_routes_is_looked_at() -> None:
    named: set[str] = set()
    for file in Path(chatbot.api.__path__[0]).rglob("*.py"):
        named |= set(re.findall(r"\b(?:json_body|body_docs|parsed_as|\.of)\(([A-Z]\w+)", file.read_text()))
    assert named <= {body.__name__ for body in BODIES}
    assert len(named) > 5
    assert len(PLACES) > 60


@pytest.mark.parametrize("place", PLACES)
def test_a_text_of_a_body_is_refused_or_mended_by_its_type(place: str) -> None:
    kind, node = PLACES[place]
    validator = SchemaValidator(node)
    for text in UNSOUND:
        values: list[Any] = [text] if kind == "str" else [{text: 1}, {"a": text}, {"a": [{"b": text}]}]
        for value in values:
            try:
                taken = validator.validate_python(value)
            except ValidationError:
                continue
            assert isinstance(taken, str)
            assert is_sound(taken)
