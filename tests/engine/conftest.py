"""Models and engines for the engine's tests: random tiny ones for exactness, the packaged one for sense."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.gguf_factory import Plan, write_model

from chatbot.llm.llama.cpu import yield_while_waiting

yield_while_waiting()

# The library must be imported after the line above.
from tests.engine.rig import Rig, open_rig  # noqa: E402

from chatbot.domain.vram import KvType  # noqa: E402
from chatbot.llm.llama.model_file import ModelFile  # noqa: E402

RigMaker = Callable[..., Rig]


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``tiny`` (Llama), ``window`` (Gemma 3, window of 32) and ``base`` (no chat tokens).

    ``tiny32`` and ``window32`` are the first two with one head of 32 numbers in place of two, which is what
    a KV pool of q8_0 needs.
    """
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "tiny.gguf", Plan())
    write_model(folder / "window.gguf", Plan(window=32, layers=6, llama3=False))
    write_model(folder / "tiny32.gguf", Plan(heads=2, kv_heads=1))
    write_model(folder / "window32.gguf", Plan(window=32, layers=6, llama3=False, heads=2, kv_heads=1))
    write_model(folder / "base.gguf", Plan(llama3=False))
    write_model(folder / "marks.gguf", Plan(marks=True))
    return folder


@pytest.fixture(scope="module", params=["tiny32", "window32"])
def file(models: Path, request: pytest.FixtureRequest) -> Iterator[ModelFile]:
    """A model without a window, and one with."""
    loaded = ModelFile(models / f"{request.param}.gguf")
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def tiny(models: Path) -> Iterator[ModelFile]:
    """The small Llama's file, for what needs no engine."""
    with closing(ModelFile(models / "tiny.gguf")) as file:
        yield file


@pytest.fixture(scope="module")
def base(models: Path) -> Iterator[ModelFile]:
    """A model that knows no chat."""
    with closing(ModelFile(models / "base.gguf")) as file:
        yield file


@pytest.fixture(params=["f16", "q8_0"])
def kv_type(request: pytest.FixtureRequest) -> KvType:
    """How a context's pool holds its numbers."""
    kind: KvType = request.param
    return kind


@pytest.fixture
def rig(models: Path) -> Iterator[RigMaker]:
    """Opens engines on the models above; closes them after the test."""
    opened: list[Rig] = []

    def make(model: str = "tiny", **settings: int) -> Rig:
        # Threads of so small a model wait for each other longer than they compute.
        opened.append(open_rig(models / f"{model}.gguf", exact=True, **{"threads": 1, **settings}))
        return opened[-1]

    yield make
    for one in opened:
        one.model.close()
