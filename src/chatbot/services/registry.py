"""Finds the services: every file of this package is one, and must say what the suite needs to know of it.

A mistake in a service's file stops every command with a sentence that names the file, so that none is met by
a user.
"""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from pydantic import ValidationError

from chatbot import services
from chatbot.core.service import AnyService, Service
from chatbot.domain.config import GATEWAY_PORT
from chatbot.domain.service_names import ServiceName


class ServiceMistake(Exception):
    """A service's file does not hold together; the sentence names the file."""


def _found() -> dict[str, object]:
    """What each file of the package calls SERVICE, by the file's name; None where it calls nothing so."""
    names = [module.name for module in iter_modules(services.__path__) if not module.ispkg]
    names.remove("registry")
    return {name: getattr(import_module(f"{services.__name__}.{name}"), "SERVICE", None) for name in names}


def checked(found: Mapping[str, object]) -> dict[ServiceName, AnyService]:
    """The services by name, in the order of their default ports.

    Raises:
        ServiceMistake: a file without a service, a service not called as its file, a port that is taken, or a
            schema that contradicts what the service says of it.
    """
    ports = {GATEWAY_PORT: "the gateway"}
    for file, service in found.items():
        if not isinstance(service, Service):
            raise _mistake(file, "there is no SERVICE in it")
        if service.name != file:
            raise _mistake(file, f"its service is called {service.name}: file and service have one name")
        if service.port in ports:
            raise _mistake(file, f"port {service.port} is already that of {ports[service.port]}")
        ports[service.port] = service.name
        _check_schema(file, service)
    by_port = sorted((service for service in found.values() if isinstance(service, Service)), key=_port)
    return {service.name: service for service in by_port}


def _port(service: AnyService) -> int:
    return service.port


def _check_schema(file: str, service: AnyService) -> None:
    fields = service.request.model_fields
    examples = service.request.model_json_schema().get("examples", ())
    if not examples:
        raise _mistake(file, f"{service.request.__name__} has no example: docs, tests and load test ask it")
    try:
        for example in examples:
            service.request.model_validate(example)
    except ValidationError as error:
        raise _mistake(file, f"an example of {service.request.__name__} is wrong: {error}") from None
    if service.search_field is not None and service.search_field not in fields:
        raise _mistake(file, f"search_field: {service.request.__name__} has no {service.search_field}")
    if unknown := set(service.remembered) - set(fields):
        raise _mistake(file, f"remembered: {service.request.__name__} has no {', '.join(sorted(unknown))}")
    if (service.of_character is not None) != ("character_id" in fields):
        raise _mistake(file, f"of_character goes with a field character_id of {service.request.__name__}")
    form = service.page.character
    sent = {form.name, form.greeting, form.context, form.user_name} if form else set()
    if unknown := sent - set(fields):
        raise _mistake(file, f"page: {service.request.__name__} has no {', '.join(sorted(unknown))}")
    needed = {name for name, field in fields.items() if field.is_required()}
    if unasked := needed - sent - {"input_data"}:
        raise _mistake(file, f"the chat page cannot fill {', '.join(sorted(unasked))}: give it a default")


def _mistake(file: str, sentence: str) -> ServiceMistake:
    return ServiceMistake(f"services/{file}.py: {sentence}")


SERVICES = checked(_found())
"""Every service by its name, in the order of their default ports."""

PERSONA_TEXTS = {name: service.personas for name, service in SERVICES.items()}
"""What a persona file may hold, by the name that it stands under."""
