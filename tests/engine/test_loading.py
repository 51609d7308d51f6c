"""What happens in which order while a model is loaded."""

import threading
from pathlib import Path

import pytest
from tests.engine.rig import open_rig

from chatbot.llm.llama import loading, warmup
from chatbot.llm.llama.context import Context
from chatbot.llm.llama.vocabulary import Vocabulary
from chatbot.scheduling.rates import Speeds


def test_the_vocabulary_is_read_once_and_not_beside_the_measurement(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading holds the interpreter's lock: the measurement would see a slow machine."""
    events: list[str] = []
    measure, pieces = warmup.measure, Vocabulary.pieces

    def watched(context: Context, sequences: int, *, drafts: bool) -> Speeds:
        others = [thread.name for thread in threading.enumerate()]
        assert not any(name.startswith(("grammars", "masks", "pieces")) for name in others)
        events.append("measured")
        return measure(context, sequences, drafts=drafts)

    def counted(vocabulary: Vocabulary) -> list[bytes]:
        events.append("read")
        return pieces(vocabulary)

    monkeypatch.setattr(loading, "measure", watched)
    monkeypatch.setattr(Vocabulary, "pieces", counted)
    rig = open_rig(models / "tiny.gguf", threads=1)
    rig.loaded.grammars._tokenizer.result(timeout=60)
    rig.loaded.rules._masks.result(timeout=60)
    rig.model.close()
    assert events == ["measured", "read"]
