"""Grammars that ask for the tokens by which turns are written: no answer ever has one."""

from dataclasses import replace

import pytest
from tests.engine.rig import Rig, question
from tests.support.gguf_factory import SPECIALS

from chatbot.domain.errors import UnusableForm
from chatbot.domain.forms import Form, FormKind
from chatbot.domain.messages import Sampling
from chatbot.llm.llama.stream import Stream

pytestmark = pytest.mark.anyio

FIRST = 256
"""The first control token of the tiny model; those before are bytes."""

KNOWN = range(262)
"""What a trial's own vocabulary has; it refuses higher numbers."""

ASKED = Sampling(temperature=0.8, seed=3, max_tokens=40)


@pytest.fixture
def spoken(engine: Rig, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tokens of all answers."""
    tokens: list[int] = []
    append = Stream.append

    def watched(stream: Stream, token: int) -> None:
        tokens.append(token)
        append(stream, token)

    monkeypatch.setattr(Stream, "append", watched)
    return tokens


async def ask(engine: Rig, grammar: str) -> str:
    sampling = replace(ASKED, form=Form(FormKind.GRAMMAR, grammar, "grammar"))
    return (await engine.ask(question("안녕"), sampling)).text


@pytest.mark.parametrize("token", range(FIRST, KNOWN.stop))
async def test_a_form_cannot_ask_for_a_control_token(engine: Rig, spoken: list[int], token: int) -> None:
    with pytest.raises(UnusableForm):
        await ask(engine, f'start: <[{token}]> "user"')
    assert await ask(engine, f'start: "a" <[{token}]> "user"') == "a"
    assert await ask(engine, f'start: "a" (<[{token}]> | "b") "c"') == "abc"
    assert await ask(engine, f'start: "a" (<[97-{token}]>){{3}} "c"')
    assert max(spoken) < FIRST


async def test_nor_by_its_name(engine: Rig, spoken: list[int]) -> None:
    for name in (*SPECIALS, "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"):
        with pytest.raises(UnusableForm):
            await ask(engine, f'start: "a" {name} "b"')
    assert not spoken


async def test_an_end_ends_only_what_is_complete(engine: Rig, spoken: list[int]) -> None:
    ends = engine.loaded.engine._setup.vocabulary.end_tokens.intersection(KNOWN)
    assert ends
    for token in ends:
        assert await ask(engine, f'start: "a" <[{token}]> "b"') == "a"
        assert await ask(engine, f'start: "a" | "a" <[{token}]> "b"') == "a"
