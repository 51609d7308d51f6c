"""What a service's file may say, and with which sentence it is refused."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import typer.main
from pydantic import ConfigDict, TypeAdapter, ValidationError
from tests.services.further import PACKAGE, command, copied

from chatbot.core.page import CharacterFields, ChatPage
from chatbot.core.service import AnyService
from chatbot.domain.schemas import ChatRequest
from chatbot.domain.service_names import RESERVED_NAMES, ServiceName
from chatbot.server import cli
from chatbot.server.settings import Settings
from chatbot.services.office import SERVICE as OFFICE
from chatbot.services.registry import SERVICES, ServiceMistake, checked


@pytest.mark.parametrize("name", ["a", "office", "tutor2", "a" * 20])
def test_a_name_is_a_text_and_every_layer_reads_it_as_one(name: str) -> None:
    assert ServiceName(name) == name
    assert f"/{ServiceName(name)}/" == f"/{name}/"
    assert TypeAdapter(ServiceName).validate_python(name) == ServiceName(name)
    assert TypeAdapter(ServiceName).dump_json(ServiceName(name)) == f'"{name}"'.encode()


@pytest.mark.parametrize(
    "name", ["", "Office", "2tutor", "my-tutor", "my_tutor", "과외", "a" * 21, "tutor ", "tutor\n", "../x"]
)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 20 of a-z and 0-9"):
        ServiceName(name)
    with pytest.raises(ValidationError):
        TypeAdapter(ServiceName).validate_python(name)


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_a_reserved_word_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is a reserved word"):
        ServiceName(name)


def test_no_service_can_take_the_name_of_a_setting_or_of_a_command() -> None:
    commands = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
    for taken in {*Settings.model_fields, *dir(Settings), *commands} - set(SERVICES):
        with pytest.raises(ValueError, match=r"reserved word|1 to 20"):
            ServiceName(taken)


def test_the_services_come_in_the_order_of_their_ports() -> None:
    assert list(SERVICES) == ["office", "character"]
    tutor = replace(OFFICE, name=ServiceName("tutor"), port=7999)
    assert list(checked({"office": OFFICE, "tutor": tutor})) == ["tutor", "office"]


class NoExample(ChatRequest):
    """A body without an example."""


class WrongExample(ChatRequest):
    """A body whose example its own rules refuse."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input_data": ""}]})


class NeedsMood(ChatRequest):
    """A body with a field that the chat page knows nothing of."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"input_data": "a", "mood": "b"}]})

    mood: str


def changed(**fields: object) -> AnyService:
    """The office service, called tutor, with these fields."""
    free: dict[str, object] = {"name": ServiceName("tutor"), "port": 8004}
    return replace(OFFICE, **{**free, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("service", "sentence"),
    [
        (None, "there is no SERVICE in it"),
        ("tutor", "there is no SERVICE in it"),
        (
            changed(name=ServiceName("teacher")),
            "its service is called teacher: file and service have one name",
        ),
        (changed(port=8002), "port 8002 is already that of office"),
        (changed(port=8001), "port 8001 is already that of the gateway"),
        (changed(request=NoExample, search_field=None), "NoExample has no example"),
        (changed(request=WrongExample, search_field=None), "an example of WrongExample is wrong"),
        (changed(search_field="web"), "search_field: OfficeRequest has no web"),
        (changed(remembered=("mood",)), "remembered: OfficeRequest has no mood"),
        (
            changed(
                page=ChatPage(character=CharacterFields("who", "google_access", "input_data", "user_id"))
            ),
            "page: OfficeRequest has no who",
        ),
        (changed(request=NeedsMood, search_field=None), "the chat page cannot fill mood: give it a default"),
    ],
)
def test_a_mistake_in_a_file_is_a_sentence_that_names_it(service: object, sentence: str) -> None:
    with pytest.raises(ServiceMistake) as refused:
        checked({"office": OFFICE, "tutor": service})
    assert str(refused.value).startswith(f"services/tutor.py: {sentence}")


def test_a_file_with_a_mistake_stops_a_command_before_it_does_anything(tmp_path: Path) -> None:
    done = command(copied(tmp_path, {"tutor": "SERVISE = None\n"}), tmp_path, "settings")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "services/tutor.py: there is no SERVICE in it" in done.stderr


def test_no_file_names_a_service_but_its_own() -> None:
    """Whoever adds a service would otherwise have to find the place."""
    # The predecessor's collections bear these names, whatever services there are now.
    allowed = {"adapters/history/predecessor.py", *(f"services/{name}.py" for name in SERVICES)}
    # The chat page's character form is an element of that name.
    named = re.compile(rf"""(?<!byId\()(["'])({"|".join(SERVICES)})\1""")
    files = [file for kind in ("py", "js", "css") for file in PACKAGE.rglob(f"*.{kind}")]
    assert len(files) > 100
    naming = {file.relative_to(PACKAGE).as_posix() for file in files if named.search(file.read_text("utf-8"))}
    assert naming - allowed == set()
