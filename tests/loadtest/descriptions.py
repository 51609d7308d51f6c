"""What a service publishes of its questions, as the suite's services do."""

from typing import Any

TEXT = {"type": "string"}
MEMORY = {"input_data": TEXT, "user_id": TEXT, "db_id": TEXT}


def schema(example: dict[str, Any] | None = None, **further: dict[str, Any]) -> dict[str, Any]:
    """The schema of a question with further fields, which are required where they have no default."""
    required = ["input_data", *(name for name, field in further.items() if "default" not in field)]
    properties = {**MEMORY, **further}
    examples = [{"input_data": "안녕", "user_id": "test_user", **(example or {})}]
    return {"type": "object", "properties": properties, "required": required, "examples": examples}


OFFICE = schema(google_access={"type": "boolean", "default": False})
CHARACTER = schema(
    {"character_name": "Rachel", "greeting": "Hi", "context": "A librarian."},
    character_name=TEXT,
    greeting=TEXT,
    context=TEXT,
)


def published() -> dict[str, dict[str, Any]]:
    return {"office": OFFICE, "character": CHARACTER}
