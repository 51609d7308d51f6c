"""Which services ``chatbot doctor`` judges."""

import pytest
from typer.testing import CliRunner

from chatbot.server.cli import app
from chatbot.services.registry import SERVICES


@pytest.mark.parametrize(
    ("environment", "names", "judged"),
    [
        ({}, (), list(SERVICES)),
        ({}, ("character",), ["character"]),
        # On a machine of one's own a service without a setting runs too.
        ({"CHATBOT_OFFICE__MODEL": "none.gguf"}, (), list(SERVICES)),
        ({"CHATBOT_OFFICE__MODEL": "none.gguf", "KUBERNETES_SERVICE_HOST": "10.96.0.1"}, (), ["office"]),
        (
            {"CHATBOT_OFFICE__MODEL": "none.gguf", "KUBERNETES_SERVICE_HOST": "10.96.0.1"},
            ("character",),
            ["character"],
        ),
        ({"KUBERNETES_SERVICE_HOST": "10.96.0.1"}, (), list(SERVICES)),
    ],
)
def test_a_pod_s_doctor_judges_the_pod_s_service(
    environment: dict[str, str], names: tuple[str, ...], judged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    said = CliRunner().invoke(app, ["doctor", *names]).output
    assert [name for name in SERVICES if f"{name}: " in said] == judged
