"""Any file may lie where ``.env`` is looked for: it is read, or refused in words."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.foreign_texts import TEXTS

from chatbot.domain.errors import StartupError
from chatbot.server.settings import Settings, documented_variables, load_settings

ODD = ("true", "{}", '["a"]', '{"a": {}}', "${HOME}", "${", '"', "'a", "[" * 100_000, "9" * 5000)
NAMES = st.sampled_from([name for name, _, _ in documented_variables()])
VALUES = TEXTS | st.integers().map(str) | st.floats().map(str) | st.sampled_from(ODD)
LINES = (
    st.builds("{}{}={}".format, st.sampled_from(["", "export ", " "]), NAMES, VALUES)
    | NAMES
    | TEXTS
    | st.builds("{}={}".format, TEXTS, VALUES)
)
FILES = st.lists(LINES, max_size=4).map("\n".join)


def test_any_settings_file_is_read_or_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, _, _ in documented_variables():
        monkeypatch.delenv(name, raising=False)

    def refusal() -> str:
        try:
            assert isinstance(load_settings(), Settings)
        except StartupError as refused:
            return str(refused)
        return "none"

    @example(b"CHATBOT_OPENAI__ALIASES=" + b"[" * 100_000)
    @given(FILES.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=200))
    def check(content: bytes) -> None:
        Path(".env").write_bytes(content)
        sentence = refusal()
        assert sentence
        assert sentence.isprintable()

    check()
