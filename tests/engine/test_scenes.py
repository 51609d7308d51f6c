"""What is quoted of a scene beside a question: where it stands, what gives way, what the next turn costs."""

from dataclasses import replace
from itertools import accumulate, takewhile

import pytest
from tests.support.gguf_factory import Plan, write_model

from chatbot.domain.errors import PromptTooLong
from chatbot.domain.messages import Conversation, Exchange, PromptPart
from chatbot.llm.llama.llama3_format import Llama3Format
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.prompt import Prompter, RenderedPrompt, Segment
from chatbot.llm.llama.vocabulary import Vocabulary
from chatbot.llm.openai.prompt import build_prompt


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    return Vocabulary(ModelFile(write_model(tmp_path_factory.mktemp("scenes") / "tiny.gguf", Plan())))


def scene(*entries: str) -> tuple[PromptPart, ...]:
    lore = (PromptPart(f"lore[{number}]", f"> {text}") for number, text in enumerate(entries, 1))
    return (
        PromptPart("scene", "[begin]"),
        *lore,
        PromptPart("note", "> slowly"),
        PromptPart("scene", "[end]"),
    )


TALK = Conversation(
    system=(PromptPart("rules", "Rules."), PromptPart("context", "A librarian.")),
    question="The last question.",
    opening="Hello.",
    exchanges=tuple(Exchange(n, f"Question {n}.", f"Answer {n}.") for n in range(1, 6)),
    scene=scene("Maps are rare.", "The sea is far."),
)


def test_a_scene_stands_before_the_question_in_the_users_turn(vocabulary: Vocabulary) -> None:
    prompt = Prompter(Llama3Format(), vocabulary, context=4500, limit=4000).render(TALK)
    names = [segment.name for segment in prompt.segments if segment.name not in ("template", "history")]
    assert names == [
        "rules",
        "context",
        "opening",
        "scene",
        "lore[1]",
        "lore[2]",
        "note",
        "scene",
        "question",
    ]
    assert prompt.report.tokens["lore[2]"] > 0
    assert prompt.report.left_out == ()
    sent = build_prompt(TALK, 4096, str)
    assert sent.messages[-1]["content"] == TALK.user_text
    assert sent.report.tokens["lore[1]"] > 0
    assert "Maps" not in sent.messages[0]["content"]


def test_the_next_turn_computes_one_exchange_anew(vocabulary: Vocabulary) -> None:
    prompter = Prompter(Llama3Format(), vocabulary, context=4500, limit=4000)
    before = prompter.render(TALK)
    said = Exchange(6, TALK.question, "The answer.")
    after = prompter.render(
        replace(TALK, exchanges=(*TALK.exchanges, said), question="And then?", scene=scene("It rains."))
    )
    shared = sum(
        1 for _ in takewhile(lambda two: two[0] == two[1], zip(before.tokens, after.tokens, strict=False))
    )
    held = sum(len(one.tokens) for one in takewhile(lambda one: one.name != "scene", before.segments))
    assert shared >= held
    # What comes behind is that one exchange and the new question.
    assert all(segment.turn in (None, 6) for segment in _behind(after, shared))


def _behind(prompt: RenderedPrompt, shared: int) -> list[Segment]:
    """The segments that are not wholly within the first ``shared`` tokens."""
    ends = accumulate(len(segment.tokens) for segment in prompt.segments)
    return [segment for segment, end in zip(prompt.segments, ends, strict=True) if end > shared]


def test_entries_give_way_before_the_question_does(vocabulary: Vocabulary) -> None:
    alone = Prompter(Llama3Format(), vocabulary, context=4500, limit=4000).render(
        replace(TALK, exchanges=(), scene=())
    )
    for more in range(0, 200, 10):
        limit = len(alone.tokens) + more
        prompt = Prompter(Llama3Format(), vocabulary, context=limit + 500, limit=limit).render(TALK)
        entered = [name for name in ("lore[1]", "lore[2]", "note") if name in prompt.report.tokens]
        # The first entry, which counts least, goes first, and a frame around nothing goes with the last.
        assert entered == ["lore[1]", "lore[2]", "note"][3 - len(entered) :]
        assert prompt.report.left_out == tuple(["lore[1]", "lore[2]", "note"][: 3 - len(entered)])
        assert ("scene" in prompt.report.tokens) is bool(entered)
    with pytest.raises(PromptTooLong):
        Prompter(Llama3Format(), vocabulary, context=4500, limit=len(alone.tokens) - 1).render(TALK)
