"""What reads foreign text takes time in proportion to it: 64 KiB against 8 KiB of its worst input."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from time import process_time
from uuid import uuid4

import pytest

from chatbot.adapters.history.records import read_record
from chatbot.adapters.search.sanitise import clean_text, clean_url
from chatbot.api import strict_json
from chatbot.core.citations import link_header, references
from chatbot.domain.cards import read_card
from chatbot.domain.control_tokens import defused, without_control_tokens
from chatbot.domain.language import language_of
from chatbot.domain.lore_expressions import is_written
from chatbot.domain.lorebook import Lorebook, LoreEntry, keyed_entries
from chatbot.domain.macros import fill_macros
from chatbot.domain.plaintext import nfc, visible
from chatbot.domain.redaction import redact
from chatbot.domain.retry_after import parse_retry_after
from chatbot.domain.search import SearchHit, SearchOutcome, SearchResult
from chatbot.llm.openai.deltas import WholeCharacters
from chatbot.llm.stops import StopFilter

SMALL, LARGE = 8 * 1024, 64 * 1024

WORST = [
    *("1", "1 ", "0", "9", "010-", "4111 ", "+1", "900101-1", "--", "a", "a.", "a@", "a@a.", "%"),
    *("{", "{{", "{{ ", "{{//", "{{comment ", "{{char", "}}", "{{char}}은", "<bot>는(은", "<user"),
    *("<", "<a", "<p ", "<b a=", "<!", "</", "<<a>", "&lt;", "&#9", "&#", "&", "<|", "[INST", "<|a"),
    *(" ", "\n", "e\u0301", "\u0301\u0323", "\u1112\u1161\u11ab", "👨\u200d", "\u200d", "\ud83d", "\ufe0f"),
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
    "visible": visible,
    "language": language_of,
    "control tokens": lambda text: (defused(text), without_control_tokens(text)),
    "search texts": lambda text: clean_text(text, 500),
    "search addresses": lambda text: clean_url(f"https://a.kr/{text}"),
    "citations": cited,
    "strict JSON": parsed,
    "strict JSON of a string": lambda text: parsed('{"a": "' + text),
    "an answer in pieces": in_pieces,
    "a key that may be an expression": lambda text: is_written(f"/{text}/i"),
    "a wait": lambda text: parse_retry_after(text, datetime.now(UTC)),
}


def seconds(read: Callable[[str], object], text: str) -> float:
    """Processor time of one reading."""
    begun = process_time()
    read(text)
    return process_time() - begun


def repeated(unit: str, size: int) -> str:
    return unit * (size // len(unit))


def expect_proportion(read: Callable[[str], object], make: Callable[[int], str]) -> None:
    """Eight times the text must not take its square, which is sixty-four times the work.

    What takes less than a millisecond is quick enough; a machine that stumbled gets two more chances.
    """
    seen = []
    for _ in range(3):
        seen.append((seconds(read, make(SMALL)), seconds(read, make(LARGE))))
        if seen[-1][1] < 28 * max(seen[-1][0], 0.001):
            return
    pytest.fail(f"{make(64)!r}…: seconds of 8 KiB and 64 KiB: {seen}")


@pytest.mark.parametrize("reader", READERS)
def test_eight_times_the_text_is_about_eight_times_the_work(reader: str) -> None:
    for unit in WORST:
        expect_proportion(READERS[reader], partial(repeated, unit))


def test_a_card() -> None:
    def read(text: str) -> object:
        return read_card(json.dumps({"name": "a", "description": text, "first_mes": text}).encode())

    for unit in ("{{ ", "<user", "\u0301\u0323", "가. "):
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
