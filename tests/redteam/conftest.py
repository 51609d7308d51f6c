"""Formats and a whole engine for the red team; llama.cpp is loaded after its threads are told to yield."""

from collections.abc import Iterator

import pytest

from chatbot.llm.llama.cpu import yield_while_waiting

yield_while_waiting()

from tests.engine.rig import Rig, open_rig  # noqa: E402 (the library must be imported after the line above)
from tests.redteam.formats import Format, every_format  # noqa: E402 (as above)
from tests.support.gguf_factory import Plan, write_model  # noqa: E402 (as above)


@pytest.fixture(scope="session")
def formats(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Format]:
    """Every format by its name."""
    return every_format(tmp_path_factory.mktemp("redteam"))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A whole engine that speaks Llama 3's format."""
    path = write_model(tmp_path_factory.mktemp("redteam") / "tiny.gguf", Plan())
    rig = open_rig(path, context_tokens=8192, pool_tokens=16384)
    yield rig
    rig.model.close()
