"""JSON schemas with an end to their integers: a small model may write digits until its limit otherwise."""

from typing import Any

LARGEST = 2**53 - 1
"""The largest integer up to which every reader of JSON holds all integers exactly (RFC 8259, section 6)."""

_DATA = frozenset({"const", "enum", "default", "examples"})
"""Members of a schema that hold values, not schemas."""

_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions"})
"""Members that hold schemas by names, which may be those of a schema's own members."""


def bounded(schema: Any) -> Any:
    """The schema in which each integer without bounds of its own is at most ``LARGEST``, either way."""
    if isinstance(schema, list):
        return [bounded(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: _member(name, member) for name, member in schema.items()}
    kind = schema.get("type")
    if kind == "integer" or (isinstance(kind, list) and "integer" in kind and "number" not in kind):
        unbounded = schema.keys().isdisjoint(
            {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "const", "enum"}
        )
        if unbounded:
            result |= {"minimum": -LARGEST, "maximum": LARGEST}
        elif "minimum" in schema and {"maximum", "exclusiveMaximum"}.isdisjoint(schema):
            result |= {"maximum": max(LARGEST, schema["minimum"])} if _is_number(schema["minimum"]) else {}
    return result


def _member(name: str, member: Any) -> Any:
    if name in _DATA:
        return member
    if name in _NAMED and isinstance(member, dict):
        return {key: bounded(value) for key, value in member.items()}
    return bounded(member)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
