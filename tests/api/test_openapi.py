"""The served OpenAPI description and the service agree: schemathesis asks everything that it says."""

from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.support.fakes import service_state

from chatbot.api.app import create_app
from chatbot.domain.messages import ServiceName

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

office = schemathesis.openapi.from_asgi("/office/openapi.json", create_app(service_state()))
character = schemathesis.openapi.from_asgi(
    "/character/openapi.json", create_app(service_state(ServiceName.CHARACTER))
)
_few = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@office.parametrize()
@_few
def test_the_office_service_does_what_its_description_says(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(checks=CHECKS)


@character.parametrize()
@_few
def test_the_character_service_does_what_its_description_says(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(checks=CHECKS)
