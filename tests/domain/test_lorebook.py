"""Which entries of a lorebook enter a prompt."""

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_core import SchemaValidator, core_schema

from chatbot.domain.card_books import Spare, Taken, book_of, card_book
from chatbot.domain.characters import CharacterSheet
from chatbot.domain.lore_expressions import SEARCHED_CHARS, searchable
from chatbot.domain.lore_words import SaidWords
from chatbot.domain.lorebook import Lorebook, constant_entries, keyed_entries

PLENTY = 100_000


def book(*entries: dict[str, Any], **more: Any) -> Lorebook:
    return Lorebook.model_validate({"entries": [{"content": "x", **entry} for entry in entries], **more})


def entered(lore: Lorebook, *messages: str, budget: int = PLENTY, taken: int = 0) -> list[int]:
    return [number for number, _ in keyed_entries(lore, messages, taken, budget).entries]


@pytest.mark.parametrize(
    ("entry", "said", "enters"),
    [
        ({"keys": ["map"]}, "Old MAPS here", True),
        ({"keys": ["map"]}, "no such thing", False),
        ({"keys": ["지도"]}, "옛 지도를 보여 줘", True),
        ({"keys": ["지도"]}, "옛 지도", True),
        ({"keys": [" map "]}, "map", True),
        ({"keys": ["Map"], "case_sensitive": True}, "a map", False),
        ({"keys": ["Map"], "case_sensitive": True}, "a Map", True),
        ({"keys": ["map"], "enabled": False}, "map", False),
        ({"keys": ["map"], "content": "  "}, "map", False),
        ({"keys": ["map"], "content": "@@depth 4\n@@@x\n"}, "map", False),
        ({"keys": []}, "anything", False),
        ({"keys": ["map"], "secondary_keys": ["sea"], "selective": True}, "map", False),
        ({"keys": ["map"], "secondary_keys": ["sea"], "selective": True}, "map of the Sea", True),
        ({"keys": ["map"], "secondary_keys": [], "selective": True}, "map", True),
        ({"keys": ["map"], "secondary_keys": ["sea"]}, "map", True),
        ({"keys": [r"m[ao]p\b"], "use_regex": True}, "a mop.", True),
        ({"keys": [r"m[ao]p\b"], "use_regex": True}, "mops", False),
        ({"keys": ["/MOP/i"], "use_regex": True}, "a mop", True),
        ({"keys": ["MOP"], "use_regex": True}, "a mop", False),
        ({"keys": ["mop"], "use_regex": True, "secondary_keys": ["sea"], "selective": True}, "mop", True),
        ({"keys": ["mop"], "use_regex": True, "constant": True}, "nothing", False),
        ({"keys": ["/m[ao]p/i"]}, "a MOP", True),
        ({"keys": ["/m[ao]p/"]}, "a MOP", False),
        ({"keys": ["/m[ao]p/g", "sea"], "case_sensitive": True}, "mop", True),
        ({"keys": ["sea", "/m[ao]p/"], "secondary_keys": ["/ol+d/"], "selective": True}, "old map", True),
        ({"keys": ["sea", "/m[ao]p/"], "secondary_keys": ["/ol+d/"], "selective": True}, "map", False),
        ({"keys": ["/m[ao]p"]}, "/m[ao]p", True),
        ({"keys": ["/usr/lib/"]}, "in /usr/lib/", True),
        ({"keys": ["(?=mop)"], "use_regex": True}, "mop", False),
        ({"keys": ["(?=mop)", "mop"], "use_regex": True}, "mop", True),
    ],
)
def test_an_entry_enters_by_its_keys(entry: dict[str, Any], said: str, *, enters: bool) -> None:
    assert entered(book(entry), said) == ([1] if enters else [])


@pytest.mark.parametrize(
    ("logic", "enters"),
    [
        (0, {"one", "both"}),
        (1, {"neither", "one"}),
        (2, {"neither"}),
        (3, {"both"}),
        # What is no such number is as if it were not there.
        *((other, {"one", "both"}) for other in (4, -1, "3", 3.0, True, None, [3])),
    ],
)
def test_secondary_keys_do_what_the_logic_of_their_entry_says(logic: object, enters: set[str]) -> None:
    selective = {"keys": ["map"], "secondary_keys": ["Sea", "/isles?/"], "selective": True}
    lore = book({**selective, "extensions": {"selectiveLogic": logic}})
    said = {"neither": "a map", "one": "a map of the sea", "both": "a map of an isle in the sea"}
    assert {name for name, text in said.items() if entered(lore, text)} == enters
    # Never without its own key, and always where it is not selective.
    assert not entered(lore, "an isle in the sea")
    plain = book({**selective, "selective": False, "extensions": {"selectiveLogic": logic}})
    assert all(entered(plain, text) for text in said.values())


@pytest.mark.parametrize(
    ("keys", "said", "enters"),
    [
        # By SillyTavern's world-info.js: an empty key is never found, one of white space always.
        ([], "map", {0, 1, 2, 3}),
        ([""], "map", {1, 2}),
        (["", ""], "map", {1, 2}),
        (["sea", ""], "map", {1, 2}),
        (["sea", ""], "map, sea", {0, 1}),
        ([" "], "map", {0, 3}),
        (["sea", " "], "map", {0, 1}),
        (["sea", " "], "map, sea", {0, 3}),
        (["", " "], "map", {0, 1}),
    ],
)
def test_blank_secondary_keys_count_as_in_sillytavern(keys: list[str], said: str, enters: set[int]) -> None:
    marks = [{"selectiveLogic": logic, "display_index": logic} for logic in range(4)]
    entry = {"keys": ["map"], "secondary_keys": keys, "selective": True, "content": "c", "enabled": True}
    card = {"entries": [{**entry, "extensions": each} for each in marks]}
    lore = book_of(card, "chara_card_v3", Taken(), Spare(10_000))
    assert lore is not None
    assert {number - 1 for number in entered(lore, said)} == enters
    assert Lorebook.model_validate_json(lore.model_dump_json()) == lore
    assert [one["secondary_keys"] for one in card_book(lore)["entries"]] == [keys] * 4


@pytest.mark.parametrize(
    ("keys", "enters"), [([""], False), (["", "map"], True), ([" "], True), ("map, ", True), (",", False)]
)
def test_blank_keys_count_as_in_sillytavern(keys: list[str] | str, *, enters: bool) -> None:
    lore = book_of({"entries": [{"keys": keys, "content": "c"}]}, "chara_card_v2", Taken(), Spare(10_000))
    assert lore is not None
    assert bool(entered(lore, "a map")) == enters
    assert not entered(lore, "") or keys == [" "]


@pytest.mark.parametrize("case_sensitive", [False, True])
def test_a_word_is_found_wherever_it_stands(*, case_sensitive: bool) -> None:
    said = "İstanbul, Straße: ΐ가각 aab aaab"
    words = {said[at:end] for at in range(len(said)) for end in range(at + 1, len(said) + 1)}
    words |= {"strasse", "STRASSE", "x", "aaaab", "ba", "각가", said + "x", "ΐ" * 100}
    for word in filter(str.strip, words):
        stands = word.strip() in said
        if not case_sensitive:
            stands = word.strip().casefold() in said.casefold()
        lore = book({"keys": [word], "case_sensitive": case_sensitive})
        assert entered(lore, said) == ([1] if stands else []), word


@pytest.mark.parametrize("case_sensitive", [False, True])
def test_an_empty_word_stands_in_any_text(*, case_sensitive: bool) -> None:
    assert all(SaidWords(said, 5).has("", case_sensitive=case_sensitive) for said in ("", "a"))
    assert not any(SaidWords(said, 5).has("b", case_sensitive=case_sensitive) for said in ("", "a"))


def test_so_many_of_the_last_messages_are_looked_at() -> None:
    entry = {"keys": ["map"]}
    talk = ("map", "1", "2", "3", "4")
    assert entered(book(entry), *talk[:4]) == [1]
    assert entered(book(entry), *talk) == []
    assert entered(book(entry, scan_depth=5), *talk) == [1]
    assert entered(book(entry, scan_depth=1), "map", "no") == []
    assert entered(book(entry, scan_depth=0), "map") == []


def test_what_enters_is_scanned_for_no_key() -> None:
    lore = book({"keys": ["map"], "content": "the sea"}, {"keys": ["sea"]}, recursive_scanning=True)
    assert entered(lore, "map") == [1]


def test_constant_entries_enter_whatever_is_said_and_once() -> None:
    lore = book({"keys": ["map"], "constant": True}, {"keys": ["map"]})
    assert [number for number, _ in constant_entries(lore, PLENTY).entries] == [1]
    assert entered(lore, "map") == [2]


def test_entries_stand_in_their_order_and_the_least_weighty_stay_out() -> None:
    ten = "가" * 10
    lore = book(
        {"keys": ["a"], "content": ten, "insertion_order": 3},
        {"keys": ["a"], "content": ten, "insertion_order": 1, "priority": 9},
        {"keys": ["a"], "content": ten, "insertion_order": 2},
    )
    assert entered(lore, "a") == [2, 3, 1]
    found = keyed_entries(lore, ["a"], 0, 20)
    assert [number for number, _ in found.entries] == [2, 1]
    assert found.left_out == (3,)
    assert found.tokens == 20
    own = lore.model_copy(update={"token_budget": 25})
    assert entered(own, "a") == [2, 1]
    assert entered(own, "a", taken=10) == [2]
    assert constant_entries(book({"constant": True, "content": ten}, token_budget=5), PLENTY).left_out == (1,)


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)", "(?<!a)b", "(", "(a{1000}){1000}", "", "//", "/a/x"])
def test_an_expression_that_cannot_be_searched_for_is_told(pattern: str) -> None:
    assert not searchable(pattern)
    if pattern:
        assert book({"keys": ["a"]}, {"keys": [pattern], "use_regex": True}).unsupported() == (2,)


@pytest.mark.parametrize(
    "pattern",
    ["a{2}", "a{ 2}", "a{2 }", "(?x)a { 2 }", "/a{ 2}/x", r"\p{L}{2}", r"\\p{2}", r"\w" * 9, "[ab]" * 9],
)
def test_what_makes_a_short_expression_large_is_refused_though_the_engine_takes_it(pattern: str) -> None:
    plain = pattern.strip("/x") if pattern.startswith("/") else pattern
    engine = core_schema.str_schema(pattern=plain, regex_engine="rust-regex")
    SchemaValidator(engine)
    assert not searchable(pattern)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"\p{Hangul}+", "지도"),
        (r"\x{61}\u{62}", "ab"),
        (r"\P{L}", "1"),
        (r"a\{2\}", "a{2}"),
        (r"\w" * 8, "abcdefgh"),
    ],
)
def test_braces_of_an_escape_count_nothing(pattern: str, said: str) -> None:
    assert entered(book({"keys": [pattern], "use_regex": True}), said) == [1]


def test_an_expression_that_would_backtrack_is_searched_for_in_linear_time() -> None:
    # By backtracking this would take longer than the universe has.
    assert entered(book({"keys": ["(a+)+$x"], "use_regex": True}), "a" * 20_000) == []
    assert searchable("(a|a)*b")


def test_expressions_are_searched_for_in_the_newest_text_alone() -> None:
    lore = book({"keys": ["map"], "use_regex": True}, {"keys": ["map"]})
    assert entered(lore, "map" + "x" * (SEARCHED_CHARS - 3)) == [1, 2]
    assert entered(lore, "map" + "x" * (SEARCHED_CHARS - 2)) == [2]


def test_entries_with_keys_that_are_no_expressions_are_never_unsupported() -> None:
    lore = book(
        {"keys": ["(?=a)"]},
        {"keys": ["a", "/(?=a)/"]},
        {"keys": ["/(?=a)/"], "constant": True},
        {"use_regex": True, "unused_keys": ["b" * 101]},
        {"unused_keys": ["b" * 101]},
        {"unused_secondary_keys": ["/" + "b" * 101 + "/"]},
    )
    assert lore.unsupported() == (2, 4, 6)
    assert lore.expression_count == 2


def test_a_book_has_bounds() -> None:
    many = [{"keys": [f"{number}.{key}" for key in range(50)]} for number in range(41)]
    for lore in ({"entries": many}, {"entries": [{"keys": ["a"], "use_regex": True}] * 21}):
        with pytest.raises(ValidationError):
            CharacterSheet.model_validate({"name": "a", "lorebook": lore})
    with pytest.raises(ValidationError):
        book(*[{}] * 501)
    with pytest.raises(ValidationError):
        CharacterSheet.model_validate({"name": "a", "card": {"x": "y" * 600_000}})
