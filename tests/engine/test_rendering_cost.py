"""What a stranger's text makes the renderer do: linear work, bounded by what can fit, in nobody's way.

Work is counted in bytes given to llama.cpp's tokenizer and in lines looked at, not in seconds.
"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import llama_cpp
import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import question

from chatbot.domain.errors import PromptTooLong
from chatbot.domain.messages import Conversation, Exchange
from chatbot.llm.llama import transcript_format
from chatbot.llm.llama.jinja_format import JinjaFormat
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.pieces import Piece, PromptFormat
from chatbot.llm.llama.prompt import Prompter
from chatbot.llm.llama.token_cache import TokenCache
from chatbot.llm.llama.transcript_format import TranscriptFormat
from chatbot.llm.llama.vocabulary import SLICE, Vocabulary, slices

MARK = "<start_of_turn>"
CHATML = "{% for m in messages %}<start_of_turn>{{ m.role }}\n{{ m.content }}<end_of_turn>\n{% endfor %}"


@pytest.fixture(scope="module")
def marks(models: Path) -> Iterator[ModelFile]:
    """A model whose tokenizer finds <start_of_turn> in any text."""
    loaded = ModelFile(models / "marks.gguf")
    yield loaded
    loaded.close()


@pytest.fixture
def tokenised(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each call of llama.cpp's tokenizer from now on."""
    calls: list[int] = []
    real = llama_cpp.llama_tokenize

    def counting(vocab: object, text: bytes, size: int, *more: Any) -> int:
        calls.append(size)
        return int(real(vocab, text, size, *more))

    monkeypatch.setattr(llama_cpp, "llama_tokenize", counting)
    return calls


@pytest.mark.parametrize("unit", [MARK, f"{MARK[:-1]}{MARK}", "\n", "가"])
@pytest.mark.parametrize("size", [4_000, 64_000])
def test_each_byte_of_a_content_is_tokenised_once_and_few_at_a_time(
    marks: ModelFile, tokenised: list[int], unit: str, size: int
) -> None:
    vocabulary = Vocabulary(marks)
    text = (unit * size)[:size]
    tokenised.clear()
    tokens = vocabulary.content(text)
    assert sum(tokenised) <= len(text.encode())
    assert max(tokenised) <= 4 * SLICE
    assert not vocabulary.forbidden & set(tokens)
    assert vocabulary.text(tokens) == text


@pytest.mark.parametrize("text", ["", "x", "word " * 1000, "x" * 5000, "x" * 1900 + " " + "y" * 300])
def test_slices_are_the_text_and_do_not_depend_on_what_follows(text: str) -> None:
    parts = list(slices(text))
    assert "".join(parts) == text
    assert all(len(part) <= SLICE for part in parts)
    assert list(slices(text + "more" * 1000))[: len(parts) - 1] == parts[:-1]
    assert all(part.startswith(" ") for part in parts[1:]) or " " not in text


def prompter(file: ModelFile, form: PromptFormat, limit: int = 500) -> Prompter:
    return Prompter(form, Vocabulary(file), context=limit + 100, limit=limit)


@pytest.mark.parametrize(
    "form", [TranscriptFormat(), JinjaFormat(CHATML, "", "")], ids=["transcript", "jinja"]
)
def test_what_cannot_fit_is_refused_after_a_few_slices(
    marks: ModelFile, tokenised: list[int], form: PromptFormat
) -> None:
    one = prompter(marks, form)
    tokenised.clear()
    with pytest.raises(PromptTooLong) as caught:
        one.render(question(MARK * 70_000))
    assert sum(tokenised) <= 3 * SLICE
    # The vocabulary is of bytes, so the estimate of what was not read can be checked.
    assert 0.9 < caught.value.needed / (len(MARK) * 70_000) < 1.1


@pytest.mark.parametrize(
    "form", [TranscriptFormat(), JinjaFormat(CHATML, "", "")], ids=["transcript", "jinja"]
)
def test_history_that_cannot_fit_is_not_read(
    marks: ModelFile, tokenised: list[int], form: PromptFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    pieces = form.pieces

    def counting(conversation: Conversation) -> list[Piece]:
        given.append(len(conversation.exchanges))
        return pieces(conversation)

    monkeypatch.setattr(form, "pieces", counting)
    work = []
    for turns in (1_000, 30_000):
        one = prompter(marks, form)
        tokenised.clear()
        exchanges = tuple(Exchange(turn, f"q{turn:05d}", "a") for turn in range(1, turns + 1))
        prompt = one.render(Conversation(system=(), question="now?", exchanges=exchanges))
        work.append(sum(tokenised))
        assert prompt.report.kept_turns[-1] == turns
        assert len(prompt.report.kept_turns) + len(prompt.report.cut_turns) == turns
        assert 200 < len(prompt.tokens) <= 500
    assert work[1] <= 1.2 * work[0]
    assert max(given) <= 500, "a turn takes a token at least"


@pytest.mark.parametrize("line", [":", "a:", "비서:", "ﷺ:", " :", "\u0301:", "*" * 300 + ":"])
def test_lines_that_may_be_labels_cost_the_same_each(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    real = transcript_format._bare

    def counting(text: str) -> str:
        seen.append(len(text))
        return real(text)

    monkeypatch.setattr(transcript_format, "_bare", counting)
    work = []
    for size in (16_000, 64_000):
        seen.clear()
        lines = size // (len(line) + 1)
        TranscriptFormat().pieces(question("x\n" + f"{line}\n" * lines))
        assert len(seen) <= lines + 10
        work.append(sum(seen))
    assert work[1] <= 4.2 * work[0]


def test_the_cache_of_tokens_has_a_bound_and_keeps_what_is_used() -> None:
    cache = TokenCache(20_000)
    made: list[str] = []

    def tokens(text: str, count: int) -> tuple[int, ...]:
        def tokenise() -> tuple[int, ...]:
            made.append(text)
            return (1,) * count

        return cache.get(text, tokenise)

    for number in range(300):
        assert len(tokens("persona", 100)) == 100
        tokens(f"text {number}", 90)
        assert cache.size <= 20_000
    assert made.count("persona") == 1
    tokens("x" * 30_000, 1)
    assert cache.size <= 20_000, "a text counts too, not only its tokens"
    assert made.count("text 0") == 1
    tokens("text 0", 90)
    assert made.count("text 0") == 2, "it had to go"
    for number in range(3_000):
        tokens(f"empty {number}", 0)
    assert cache.size <= 20_000
    assert len(cache._texts) <= 200, "an entry without tokens has a size, too"
    assert len(tokens("larger than all", 5_000)) == 5_000
    assert cache.size <= 20_000


@pytest.mark.anyio
async def test_a_prompt_that_takes_long_holds_up_no_other(rig: RigMaker) -> None:
    engine = rig()
    slow, go_on = threading.Event(), threading.Event()
    render = engine.loaded.prompter.render

    def held_up(conversation: Conversation) -> object:
        if conversation.question == "slow":
            slow.set()
            assert go_on.wait(30)
        return render(conversation)

    engine.loaded.prompter.render = held_up  # type: ignore[method-assign, assignment]
    waiting = asyncio.create_task(engine.ask(question("slow"), caller="slow"))
    await asyncio.to_thread(slow.wait, 30)
    assert (await asyncio.wait_for(engine.ask(question("quick"), caller="quick"), 30)).text
    assert not waiting.done()
    go_on.set()
    assert (await waiting).text
