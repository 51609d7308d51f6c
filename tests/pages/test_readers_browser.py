"""The page's own readers, run in the browser they are made for: event streams and character cards."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page
from tests.domain.card_table import EXPECTED, FIELDS, FILES, REFUSED, bomb, picture, plain
from tests.pages.conftest import Visitor, serving

from chatbot.domain.card_files import CardError
from chatbot.domain.cards import read_card
from chatbot.domain.macros import fill_macros

pytestmark = [pytest.mark.browser, pytest.mark.everyday]

STREAM = (
    ': 안내\n\nevent: queue\r\ndata: {"position":2,"eta_s":1.5}\r\n\r\n'
    'event:token\rdata: {"text":"한글 🙂"}\r\r'
    "data: 하나\ndata: 둘\nid: 7\nretry: 10\n\nevent: empty\n\n\n"
    "event: done\ndata:  앞칸\n\nevent: cut\ndata: never"
)
EVENTS = [
    {"event": "queue", "data": '{"position":2,"eta_s":1.5}', "id": ""},
    {"event": "token", "data": '{"text":"한글 🙂"}', "id": ""},
    {"event": "message", "data": "하나\n둘", "id": "7"},
    {"event": "done", "data": " 앞칸", "id": "7"},
]


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """One page for all: the readers keep nothing between calls."""
    with serving() as served:
        context = browser.new_context()
        visitor = Visitor(context, served.address)
        yield visitor.open("/office/")
        context.close()
        assert visitor.problems == []


def test_events_are_the_same_wherever_the_bytes_are_cut(page: Page) -> None:
    """Every cut in two, and every byte on its own: line ends, fields and characters are all cut somewhere."""
    results = page.evaluate(
        """async (text) => {
          const { eventsOf } = await import("./static/sse.js");
          const bytes = new TextEncoder().encode(text);
          const read = async (chunks) => {
            const start = (to) => { chunks.forEach((chunk) => to.enqueue(chunk)); to.close(); };
            const stream = new ReadableStream({ start });
            const events = [];
            for await (const event of eventsOf(stream)) events.push(event);
            return JSON.stringify(events);
          };
          const seen = new Set([await read(Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)))]);
          for (let at = 0; at <= bytes.length; at += 1) {
            seen.add(await read([bytes.subarray(0, at), bytes.subarray(at)]));
          }
          return [...seen];
        }""",
        STREAM,
    )
    assert [json.loads(result) for result in results] == [EVENTS]


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return picture(*chunks)


def text_chunk(keyword: bytes, card: Any) -> tuple[bytes, bytes]:
    """A tEXt chunk as card makers write it."""
    return plain(base64.b64encode(json.dumps(card, ensure_ascii=False).encode()), keyword)


def v2(**data: Any) -> dict[str, Any]:
    """A card in the V2 shape."""
    return {
        "spec": "chara_card_v2",
        "spec_version": "2.0",
        "data": {"name": "레이철", "first_mes": "안녕", **data},
    }


def read(page: Page, data: bytes) -> dict[str, Any]:
    """What the page's reader makes of a file."""
    result: dict[str, Any] = page.evaluate(
        """async (encoded) => {
          const { readCard } = await import("./static/card.js");
          const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
          return readCard(bytes).catch((error) => ({ error: error.code ?? String(error) }));
        }""",
        base64.b64encode(data).decode(),
    )
    return result


def test_png_card_prefers_v3_and_reports_what_has_no_place(page: Page) -> None:
    card = v2(
        description="사서",
        personality="담백함",
        scenario="도서관",
        mes_example="<START> 예시",
        system_prompt="너는 AI가 아니다",
        alternate_greetings=["어서 와", "또 왔네"],
        creator_notes="메모",
        character_book={"entries": [{}, {}, {}]},
    )
    card["spec"] = "chara_card_v3"
    result = read(page, png(text_chunk(b"chara", v2(name="옛 이름")), text_chunk(b"ccv3", card)))
    assert result["version"] == "V3"
    expected = {
        "name": "레이철",
        "greeting": "안녕",
        "context": "사서\n\n성격: 담백함\n\n상황: 도서관\n\n말투 예시:\n예시",
    }
    assert result["character"] == expected
    unused = {item["key"]: item["count"] for item in result["unused"]}
    assert unused == {"system_prompt": 1, "alternate_greetings": 2, "character_book": 3, "creator_notes": 1}


def test_a_nickname_stands_in_the_texts_and_the_name_stays(page: Page) -> None:
    card = v2(
        nickname="레이\n첼",
        first_mes="{{Char}}는 <USER>를 봐.",
        description="<BOT>가 산다. {{// 메모}}{{random}}",
        mes_example="{{char}}: 쉿",
        personality=5,
    )
    result = read(page, json.dumps(card, ensure_ascii=False).encode())
    assert result["nickname"] == "레이 첼"
    assert result["character"] == {
        "name": "레이철",
        "greeting": "레이 첼은 {{user}}를 봐.",
        "context": "레이 첼이 산다. {{random}}\n\n말투 예시:\n레이 첼: 쉿",
    }


@pytest.mark.parametrize("names", [("레이첼", "지훈"), ("미나", "Kim"), ("{{user}}", "$&"), ("달", "길")])
def test_macros_are_filled_as_the_service_fills_them(page: Page, names: tuple[str, str]) -> None:
    forms = [
        "",
        *"은는이가을를과와로",
        "으로",
        "은(는)",
        "(이)가",
        "으로(로)",
        "로(으로)",
        "(으)로",
        "은혜",
        "들은",
    ]
    macros = ("{{char}}", "{{ USER }}", "<Bot>", "<user>", "{{comment: x}}", "{{// {}", "{char}", "<b>")
    text = "\n".join(f"{macro}{form}!" for macro in macros for form in forms)
    char, user = names
    filled = page.evaluate(
        """async ([text, names]) => (await import("./static/macros.js")).fillMacros(text, names)""",
        [text, {"char": char, "user": user}],
    )
    assert filled == fill_macros(text, char, user)


def test_long_fields_are_cut_between_visible_characters_and_counted(page: Page) -> None:
    family = "👨‍👩‍👧"  # five code points that are one character on the screen
    card = v2(name="가" * 60, first_mes="a" * 1998 + family, description="나" * 2500, mes_example="예시")
    result = read(page, json.dumps(card, ensure_ascii=False).encode())
    assert result["version"] == "V2"
    assert len(result["character"]["name"]) == 50
    assert result["character"]["greeting"] == "a" * 1998 + "…"
    assert len(result["character"]["context"]) == 2000
    totals = {item["key"]: (item["total"], item["kept"]) for item in result["fields"]}
    assert totals == {"name": (60, 50), "greeting": (2003, 1999), "context": (2511, 2000)}
    assert result["unused"] == []


def test_v1_card_and_missing_greeting(page: Page) -> None:
    result = read(page, json.dumps({"name": " Ra\nchel ", "description": "A librarian\r\nof 29"}).encode())
    assert result["version"] == "V1"
    assert result["character"] == {"name": "Ra chel", "greeting": "", "context": "A librarian\nof 29"}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png(), "cardNotFound"),
        (png((b"tEXt", b"Software\0gimp")), "cardNotFound"),
        (png((b"tEXt", b"chara\0!!!not base64")), "cardBroken"),
        (png((b"tEXt", b"chara\0" + base64.b64encode(b"\xff\xfe{}"))), "cardBroken"),
        (b"\x89PNG\r\n\x1a\n" + b"\xff\xff\xff\xfftEXtchara\0", "cardNotFound"),
        (b"{}", "cardBroken"),
        (b"[1]", "cardBroken"),
        (b"null", "cardBroken"),
        (b'{"data": {"name": 5}}', "cardBroken"),
        (b"", "cardBroken"),
    ],
)
def test_what_is_no_card_is_said_to_be_none(page: Page, data: bytes, code: str) -> None:
    assert read(page, data) == {"error": code}


def test_a_card_cut_off_anywhere_is_refused_and_never_misread(page: Page) -> None:
    whole = png(text_chunk(b"chara", v2(description="사서")))
    results = page.evaluate(
        """async (encoded) => {
          const { readCard } = await import("./static/card.js");
          const { CardError } = await import("./static/cardfile.js");
          const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
          return Promise.all(Array.from(bytes, (_, size) => readCard(bytes.subarray(0, size)).then(
            (card) => card.character.name,
            (error) => (error instanceof CardError ? "refused" : String(error)),
          )));
        }""",
        base64.b64encode(whole).decode(),
    )
    # Only the end chunk may be missing.
    assert set(results[:-12]) == {"refused"}
    assert set(results[-12:]) == {"레이철"}


def as_the_command_reads(data: bytes) -> dict[str, Any]:
    """What the command makes of a file, in the words of the page's reader; nothing for a refusal."""
    try:
        card = read_card(data)
    except CardError:
        return {}
    name, greeting, context = card.request_fields().values()
    keys = {"character_name": "name"}
    return {
        "character": {"name": name, "greeting": greeting, "context": context},
        "cut": [(keys.get(one.field, one.field), one.had, one.kept) for one in card.cut],
        "unused": list(card.left_out),
    }


def as_the_page_reads(page: Page, data: bytes) -> dict[str, Any]:
    result = read(page, data)
    if "error" in result:
        assert result["error"] in ("cardNotFound", "cardBroken")
        return {}
    fields = [(item["key"], item["total"], item["kept"]) for item in result["fields"]]
    return {
        "character": result["character"],
        "cut": [one for one in fields if one[1] != one[2]],
        "unused": [item["key"] for item in result["unused"]],
    }


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_card_is_read_as_the_command_reads_it(page: Page, name: str) -> None:
    found = as_the_page_reads(page, FILES[name])
    assert list(found["character"].values()) == list(EXPECTED.values())
    assert found == as_the_command_reads(FILES[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_command_refuses_is_refused(page: Page, name: str) -> None:
    assert as_the_page_reads(page, REFUSED[name]) == {}


@pytest.mark.parametrize("kind", ["zTXt", "iTXt"])
def test_a_text_that_unpacks_without_end_is_given_up(page: Page, kind: str) -> None:
    assert read(page, bomb(kind, 200_000_000)) == {"error": "cardBroken"}


PIECES = (
    *("가나 ", "끝. ", "Ab ", "e\u0301", "e\u0301" * 40, "\u1112\u1161\u11ab"),
    *("👨‍👩‍👧", "❤️", "👍🏽", "1️⃣", "a\u200d"),
    *("{{char}}는 ", "<USER>가 ", "<BOT>", "{{// x}}", "{{random}}", "<START>"),
    *("\n", "\r\n\r\n\r\n", "\u2028", "\t", "\x85", "\x1c", "\x00", "\u202e", "\ud800", "\u3164"),
)
TEXTS = st.builds(
    lambda some, times: "".join(some) * times,
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.integers(1, 120),
)
VALUES = TEXTS | st.none() | st.integers(-5, 5) | st.lists(TEXTS, max_size=2)
BOOKS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {}, optional={"entries": VALUES | st.just({"1": {}})}
)
OPTIONAL = {*FIELDS, "nickname", "creator_notes", "assets", "system_prompt"} - {"name"}
CARDS = st.fixed_dictionaries(
    {"name": TEXTS}, optional=dict.fromkeys(sorted(OPTIONAL), VALUES) | {"character_book": BOOKS}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(fields=CARDS)
def test_any_card_is_read_as_the_command_reads_it(page: Page, fields: dict[str, Any]) -> None:
    data = json.dumps({"spec": "chara_card_v3", "data": fields}).encode()
    assert as_the_page_reads(page, data) == as_the_command_reads(data)
