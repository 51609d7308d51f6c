"""JSON schemas with an end to their integers: a small model may write digits until its limit otherwise."""

from typing import Any

LARGEST = 2**53 - 1
"""The largest integer up to which every reader of JSON holds all integers exactly (RFC 8259, section 6)."""

_DATA = frozenset({"const", "enum", "default", "examples"})
"""Members of a schema that hold values, not schemas."""

_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions"})
"""Members that hold schemas by names, which may be those of a schema's own members."""


def bounded(schema: Any) -> Any:
    """The schema in which each integer has an end on both sides, ``LARGEST`` where it has none of its own."""
    if isinstance(schema, list):
        return [bounded(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: _member(name, member) for name, member in schema.items()}
    kind = schema.get("type")
    if kind == "integer" or (isinstance(kind, list) and "integer" in kind and "number" not in kind):
        result |= _ends(schema)
    return result


def _ends(schema: dict[str, Any]) -> dict[str, Any]:
    """The bounds that an integer lacks; none where those that it has are no numbers."""
    lowest = [schema[name] for name in ("minimum", "exclusiveMinimum") if name in schema]
    highest = [schema[name] for name in ("maximum", "exclusiveMaximum") if name in schema]
    if not {"const", "enum"}.isdisjoint(schema) or not all(map(_is_number, lowest + highest)):
        return {}
    ends: dict[str, Any] = {}
    if not lowest:
        # One integer at least is left of what goes beyond the others.
        ends["minimum"] = min([-LARGEST, *(bound - 1 for bound in highest)])
    if not highest:
        ends["maximum"] = max([LARGEST, *(bound + 1 for bound in lowest)])
    return ends


def _member(name: str, member: Any) -> Any:
    if name in _DATA:
        return member
    if name in _NAMED and isinstance(member, dict):
        return {key: bounded(value) for key, value in member.items()}
    return bounded(member)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
