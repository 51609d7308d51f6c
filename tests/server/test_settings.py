"""Settings: typed, named in every complaint, and documented without a gap."""

from pathlib import Path

import pytest

from chatbot.domain.errors import StartupError
from chatbot.domain.service_names import ServiceName
from chatbot.server.commands.settings_list import example
from chatbot.server.settings import documented_variables, load_settings

ROOT = Path(__file__).parents[2]
OFFICE = ServiceName("office")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env of the developer's, no variables of the shell's."""
    monkeypatch.chdir(tmp_path)
    for name, _, _ in documented_variables():
        monkeypatch.delenv(name, raising=False)


def test_defaults_are_the_contract_s() -> None:
    settings = load_settings()
    office, character = settings.service(OFFICE), settings.service(ServiceName("character"))
    assert (settings.port, office.port, character.port) == (8001, 8002, 8003)
    assert (office.context_tokens, office.max_tokens, office.temperature) == (4096, 2048, 0.7)
    assert (office.top_p, office.top_k, office.repeat_penalty) == (0.95, 40, 1.1)
    assert office.sampling().korean_letters
    assert character.sampling().korean_letters
    assert settings.deadline_seconds == 180
    assert settings.host == "127.0.0.1"
    assert list(settings.openai.aliases) == ["gpt4.1", "gpt4.1_mini"]


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("CHATBOT_OFFICE__TEMPERATURE", "hot", "CHATBOT_OFFICE__TEMPERATURE"),
        ("CHATBOT_OFFICE__TEMPERATURE", "3", "CHATBOT_OFFICE__TEMPERATURE"),
        ("CHATBOT_PORT", "eighty", "CHATBOT_PORT"),
        ("CHATBOT_OPENAI__ALIASES", "{", "OPENAI"),
        ("CHATBOT_TRUSTED_PROXIES", "10.0.0.0/8, proxy", "CHATBOT_TRUSTED_PROXIES: proxy is no IP address"),
        ("CHATBOT_TRUSTED_PROXIES", "10.0.0.1/8", "10.0.0.1/8 has host bits set"),
        ("CHATBOT_CORS_ORIGINS", "*", r"CHATBOT_CORS_ORIGINS: \* is no origin"),
        ("CHATBOT_CORS_ORIGINS", "https://a.example/path", "CHATBOT_CORS_ORIGINS"),
        ("CHATBOT_HISTORY__DATABASE", "a/b", "CHATBOT_HISTORY__DATABASE"),
        ("CHATBOT_OFFICE__THREADS", "9999", "CHATBOT_OFFICE__THREADS"),
        ("CHATBOT_OFFICE__GPU_LAYERS", "most", "^CHATBOT_OFFICE__GPU_LAYERS: must be a number of layers"),
        ("CHATBOT_OFFICE__GPU_LAYERS", "-2", "^CHATBOT_OFFICE__GPU_LAYERS: must be a number of layers"),
        ("CHATBOT_OFICE__PORT", "1", "did you mean CHATBOT_OFFICE__PORT"),
        ("CHATBOT_OFFICE__TEMPERATUR", "1", "did you mean CHATBOT_OFFICE__TEMPERATURE"),
    ],
)
def test_a_wrong_value_or_name_is_one_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, names: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError, match=names) as stopped:
        load_settings()
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        (
            "CHATBOT_OFFICE__TEMPERATUR=1",
            "CHATBOT_OFFICE__TEMPERATUR in .env .* mean CHATBOT_OFFICE__TEMPERATURE",
        ),
        ("HF_TOKEN=secret", "HF_TOKEN in .env is not a setting"),
        ("CHATBOT_PORT=eighty", "CHATBOT_PORT: "),
    ],
)
def test_a_wrong_line_of_the_env_file_is_named_too(line: str, names: str) -> None:
    Path(".env").write_text(f"{line}\n")
    with pytest.raises(StartupError, match=names) as stopped:
        load_settings()
    assert "secret" not in str(stopped.value)


def test_an_empty_value_is_the_default_and_never_an_open_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, _, _ in documented_variables():
        monkeypatch.setenv(name, "")
    assert load_settings() == load_settings({})
    assert load_settings().host == "127.0.0.1"
    with pytest.raises(StartupError, match="CHATBOT_HOST"):
        load_settings(host="")


def test_korean_letters_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATBOT_OFFICE__KOREAN_LETTERS", "false")
    assert not load_settings().service(OFFICE).sampling().korean_letters


def test_options_of_the_command_line_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATBOT_HOST", "10.0.0.1")
    monkeypatch.setenv("CHATBOT_OFFICE__GPU", "3")
    settings = load_settings(host="::1", office={"gpu_layers": -1})
    office = settings.service(OFFICE)
    assert (settings.host, office.gpu_layers, office.gpu) == ("::1", -1, 3)


def test_values_come_from_the_env_file_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("CHATBOT_OFFICE__TOP_K=7\nCHATBOT_CORS_ORIGINS=http://a, http://b\n")
    monkeypatch.setenv("CHATBOT_OFFICE__MAX_TOKENS", "99")
    monkeypatch.setenv("CHATBOT_OFFICE_SERVICE_HOST", "10.0.0.1")
    settings = load_settings()
    office = settings.service(OFFICE)
    assert (office.top_k, office.max_tokens) == (7, 99)
    assert settings.cors_origins == ("http://a", "http://b")


def test_secrets_are_not_shown() -> None:
    Path(".env").write_text(
        "CHATBOT_OPENAI__API_KEY=sk-canary\nCHATBOT_HISTORY__MONGO_URI=mongodb://u:canary@h\n"
    )
    settings = load_settings()
    assert "canary" not in repr(settings)
    assert settings.openai.api_key.get_secret_value() == "sk-canary"


def test_every_variable_has_a_sentence_and_the_example_file_is_current() -> None:
    rows = documented_variables()
    assert all(description.endswith(".") for _, _, description in rows)
    assert (ROOT / ".env.example").read_text("utf-8") == example()


def test_the_example_file_is_itself_valid_when_uncommented() -> None:
    lines = [line.removeprefix("# ") for line in example().splitlines() if line.startswith("# CHATBOT_")]
    Path(".env").write_text("\n".join(lines) + "\n")
    assert load_settings() == load_settings({})


@pytest.mark.parametrize("content", [b"CHATBOT_PORT=1\n# \xff\n", "CHATBOT_PORT=1\n".encode("utf-16")])
def test_an_env_file_that_is_no_utf8_is_one_sentence(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_bytes(content)
    with pytest.raises(StartupError, match="not UTF-8"):
        load_settings()
