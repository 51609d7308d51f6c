"""The form that most tests of forms ask for, a person as JSON, and how it is sampled."""

import json

from chatbot.domain.forms import Form, FormKind
from chatbot.domain.messages import Sampling

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["red", "green", "\n\n파랑"]}, "maxItems": 3},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
SCHEMA = Form(FormKind.JSON_SCHEMA, json.dumps(PERSON), "response_format")
LONG = Sampling(temperature=0.9, seed=3, max_tokens=400)


def assert_person(text: str) -> None:
    """It is a person, whole."""
    person = json.loads(text)
    assert list(person) == ["name", "age", "tags"]
    assert len(person["name"]) <= 12
    assert 0 <= person["age"] <= 120
    assert set(person["tags"]) <= {"red", "green", "\n\n파랑"}
