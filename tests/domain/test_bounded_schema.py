"""Integers of a schema have an end, and nothing else of it changes."""

from typing import Any

import pytest

from chatbot.domain.bounded_schema import LARGEST, bounded

INTEGER = {"type": "integer"}
BOUNDED = {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (INTEGER, BOUNDED),
        ({"type": ["integer", "null"]}, {**BOUNDED, "type": ["integer", "null"]}),
        ({**INTEGER, "minimum": 0}, {**INTEGER, "minimum": 0, "maximum": LARGEST}),
        ({**INTEGER, "exclusiveMinimum": 0}, {**INTEGER, "exclusiveMinimum": 0, "maximum": LARGEST}),
        ({**INTEGER, "maximum": 5}, {**INTEGER, "maximum": 5, "minimum": -LARGEST}),
        ({**INTEGER, "exclusiveMaximum": 5}, {**INTEGER, "exclusiveMaximum": 5, "minimum": -LARGEST}),
        (
            {**INTEGER, "minimum": 2 * LARGEST},
            {**INTEGER, "minimum": 2 * LARGEST, "maximum": 2 * LARGEST + 1},
        ),
        (
            {**INTEGER, "maximum": -2 * LARGEST},
            {**INTEGER, "maximum": -2 * LARGEST, "minimum": -2 * LARGEST - 1},
        ),
        (
            {"type": "object", "properties": {"type": INTEGER, "enum": INTEGER}, "required": ["type"]},
            {"type": "object", "properties": {"type": BOUNDED, "enum": BOUNDED}, "required": ["type"]},
        ),
        (
            {"anyOf": [INTEGER, {"$ref": "#/$defs/a"}], "$defs": {"a": INTEGER}},
            {"anyOf": [BOUNDED, {"$ref": "#/$defs/a"}], "$defs": {"a": BOUNDED}},
        ),
        ({"type": "array", "items": INTEGER}, {"type": "array", "items": BOUNDED}),
    ],
)
def test_an_integer_without_bounds_gets_them(schema: Any, expected: Any) -> None:
    assert bounded(schema) == expected


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number"},
        {"type": ["integer", "number"]},
        {"type": "integer", "minimum": 1, "maximum": 3},
        {"type": "integer", "exclusiveMinimum": 0, "maximum": 3},
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
        {"type": "integer", "minimum": "wrong"},
        {"const": INTEGER},
        {"enum": [INTEGER]},
        {"default": INTEGER, "examples": [INTEGER]},
        {"properties": 5},
        True,
        5,
    ],
)
def test_all_else_stays(schema: Any) -> None:
    assert bounded(schema) == schema
