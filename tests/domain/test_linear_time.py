"""What reads foreign text takes time in proportion to it, for eight times as much of its worst input."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from time import thread_time
from uuid import UUID, uuid4

import pytest

from chatbot.adapters.history.records import read_record
from chatbot.adapters.search.chain import query_of
from chatbot.adapters.search.sanitise import clean_text, clean_url
from chatbot.api import strict_json
from chatbot.api.room_bodies import RoomToStore
from chatbot.core.citations import link_header, references
from chatbot.domain.cards import read_card
from chatbot.domain.control_tokens import defused, without_control_tokens
from chatbot.domain.forms import Form, FormKind
from chatbot.domain.history import Room
from chatbot.domain.language import language_of
from chatbot.domain.letters import scripts_asked_for
from chatbot.domain.lore_expressions import is_written
from chatbot.domain.lorebook import Lorebook, LoreEntry, keyed_entries
from chatbot.domain.macros import fill_macros
from chatbot.domain.messages import Conversation, Exchange, PromptPart
from chatbot.domain.plaintext import compatible, nfc, visible
from chatbot.domain.quoting import quoted
from chatbot.domain.redaction import redact
from chatbot.domain.retry_after import parse_retry_after
from chatbot.domain.scripts import scripts_of
from chatbot.domain.search import SearchHit, SearchOutcome, SearchResult
from chatbot.domain.service_names import ServiceName
from chatbot.domain.stored_cards import character_of_card
from chatbot.llm.openai.deltas import WholeCharacters
from chatbot.llm.openai.forms import response_format
from chatbot.llm.openai.prompt import build_prompt
from chatbot.llm.stops import StopFilter

KIB = 1024
LARGE = 64 * KIB
"""The longer text of the everyday tests; the shorter one has an eighth of it."""

HARMLESS = 0.1
"""What a mebibyte may take in all, seconds: the longest that others may wait for the interpreter."""

WORST = [
    *("1", "1 ", "0", "9", "010-", "4111 ", "+1", "900101-1", "--", "a", "a.", "a@", "a@a.", "%"),
    *("{", "{{", "{{ ", "{{//", "{{comment ", "{{char", "}}", "{{char}}은", "<bot>는(은", "<user"),
    *("<", "<a", "<p ", "<b a=", "<!", "</", "<<a>", "&lt;", "&#9", "&#", "&", "<|", "[INST", "<|a"),
    *(" ", "\n", "e\u0301", "\u0301\u0323", "\u0301\uff9e"),
    *("\u1112\u1161\u11ab", "👨\u200d", "\u200d", "\ud83d", "\ufe0f"),
    *("가 ", "가", "#", "*", "`", "|", "\\", '"', '\\"', "[", "]"),
]
"""What a pattern may stumble over when it is repeated."""


def cited(text: str) -> object:
    found = SearchResult(
        SearchOutcome.OK, "x", tuple(SearchHit(text, f"https://a.kr/{n}", text) for n in range(5))
    )
    return references(found, "ko", 2400), link_header(found)


def parsed(text: str) -> object:
    try:
        return strict_json.parse(text.encode("utf-8", "replace"))
    except strict_json.MalformedJson:
        return None


def in_pieces(text: str) -> object:
    characters, stops = WholeCharacters(), StopFilter(("ab", text[:64], "a" * 64))
    return [stops.feed(characters.feed(text[at : at + 16])) for at in range(0, len(text), 16)]


READERS: dict[str, Callable[[str], object]] = {
    "redaction": redact,
    "macros": lambda text: fill_macros(text, "레이첼", "지훈"),
    "composed form": nfc,
    "compatible form": compatible,
    "visible": visible,
    "language": language_of,
    "control tokens": lambda text: (defused(text), without_control_tokens(text)),
    "a search query": lambda text: query_of(text, lambda raw: redact(raw)[0]),
    "search texts": lambda text: clean_text(text, 500),
    "search addresses": lambda text: clean_url(f"https://a.kr/{text}"),
    "citations": cited,
    "strict JSON": parsed,
    "strict JSON of a string": lambda text: parsed('{"a": "' + text),
    "an answer in pieces": in_pieces,
    "a key that may be an expression": lambda text: is_written(f"/{text}/i"),
    "a wait": lambda text: parse_retry_after(text, datetime.now(UTC)),
}


def uncut(text: str) -> str:
    return redact(text)[0]


def in_lengths(text: str, length: int = 64) -> list[str]:
    return [text[at : at + length] for at in range(0, len(text), length)]


def as_question(text: str) -> object:
    return build_prompt(Conversation((PromptPart("rules", text),), text), 10**7, uncut)


def as_turns(text: str) -> object:
    turns = tuple(Exchange(number, one, one) for number, one in enumerate(in_lengths(text), 1))
    return build_prompt(Conversation((), "", exchanges=turns), 10**7, uncut)


def as_schema(text: str) -> object:
    return response_format(Form(FormKind.JSON_SCHEMA, json.dumps({"enum": in_lengths(text)})), uncut)


READERS |= {
    "quotes": quoted,
    "letters": lambda text: (scripts_asked_for(text), scripts_of(text)),
    "a question to a foreign model": as_question,
    "turns for a foreign model": as_turns,
    "a schema for a foreign model": as_schema,
}


def seconds(read: Callable[[str], object], text: str) -> float:
    """Processor time of one reading, without that of other threads."""
    begun = thread_time()
    read(text)
    return thread_time() - begun


def repeated(unit: str, size: int) -> str:
    return unit * (size // len(unit))


def expect_proportion(read: Callable[[str], object], make: Callable[[int], str], large: int = LARGE) -> None:
    """Eight times the text must not take its square, which is sixty-four times the work.

    What would be harmless for a mebibyte even so is quick enough; a machine that stumbled gets more chances.
    """
    harmless = HARMLESS * (large / KIB**2) ** 2
    short, long = make(large // 8), make(large)
    eighth, whole = [seconds(read, short)], [seconds(read, long)]
    while min(whole) > max(harmless, 28 * min(eighth)):
        if len(whole) == 5:
            pytest.fail(f"{make(64)!r}…: seconds of {large // 8} and {large} characters: {eighth}, {whole}")
        eighth.append(seconds(read, short))
        whole.append(seconds(read, long))


@pytest.mark.parametrize("large", [LARGE, pytest.param(256 * KIB, marks=pytest.mark.slow)])
@pytest.mark.parametrize("reader", READERS)
def test_eight_times_the_text_is_about_eight_times_the_work(reader: str, large: int) -> None:
    for unit in WORST:
        expect_proportion(READERS[reader], partial(repeated, unit), large)


def test_the_square_of_a_short_text_is_found() -> None:
    """Of one that is long enough for its times to be true on a busy machine."""

    def read(text: str) -> object:
        return [None for _ in range((len(text) // 64) ** 2)]

    with pytest.raises(pytest.fail.Exception):
        expect_proportion(read, partial(repeated, "a"))


def test_a_card() -> None:
    def read(text: str) -> object:
        return read_card(json.dumps({"name": "a", "description": text, "first_mes": text}).encode())

    for unit in ("{{ ", "<user", "\u0301\u0323", "가. "):
        expect_proportion(read, partial(repeated, unit))


def test_a_card_that_is_kept() -> None:
    def read(text: str) -> object:
        entries = [{"keys": [one], "content": one} for one in in_lengths(text)]
        book = {"entries": [{"keys": text, "secondary_keys": text, "content": text}, *entries]}
        rest = {"tags": in_lengths(text), text: text}
        texts = {"name": f"a{text}", "first_mes": text, "alternate_greetings": in_lengths(text)}
        return character_of_card({"data": {**texts, **rest, "character_book": book}})

    for unit in ("a", "a,", "가. ", "{{ ", "\n\n"):
        expect_proportion(read, partial(repeated, unit))


def test_turns_of_a_room_from_elsewhere() -> None:
    turn = {"output_data": "", "model": "m", "created_at": "2026-01-01T00:00:00Z"}

    def read(text: str) -> object:
        turns = [
            {**turn, "id": str(UUID(int=n)), "input_data": one}
            for n, one in enumerate(in_lengths(text, 2 * KIB))
        ]
        body = {"db_id": str(uuid4()), "turns": turns, "state": {"title": "a"}}
        room = Room(ServiceName("office"), "u", uuid4())
        return [one.turn_of(room) for one in RoomToStore.model_validate(body).turns]

    for unit in ("a", "\u0301\u0323", "\\"):
        expect_proportion(read, partial(repeated, unit))


def test_a_record() -> None:
    turn = {
        "service": "office", "user_id": "a", "db_id": str(uuid4()), "id": str(uuid4()),
        "output_data": "", "model": "m", "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    expect_proportion(read_record, lambda size: json.dumps({**turn, "input_data": "\x00\\" * (size // 2)}))


def test_a_lorebook_whose_keys_are_like_what_is_said() -> None:
    """All keys together take no more than among a text that is unlike them."""
    key = "a" * 49 + "b" + "a" * 49
    book = Lorebook(entries=tuple(LoreEntry(keys=(key,) * 50, content="x") for _ in range(40)))

    def scan(text: str) -> object:
        return keyed_entries(book, [text], 0, 100)

    unlike = "".join(map(str, range(4000)))
    seen = [(seconds(scan, "a" * len(unlike)), seconds(scan, unlike)) for _ in range(3)]
    assert min(like for like, _ in seen) < 5 * max(other for _, other in seen), seen
