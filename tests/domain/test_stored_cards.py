"""Character cards as characters to keep, and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.domain.card_books import card_book
from chatbot.domain.card_files import CardError
from chatbot.domain.cards import Cut
from chatbot.domain.characters import MOST_GREETINGS, CharacterSheet
from chatbot.domain.lorebook import MOST_EXPRESSIONS, constant_entries, keyed_entries
from chatbot.domain.stored_cards import card_of, character_of_card

ENTRY = {
    "keys": ["map"],
    "content": "Maps.",
    "insertion_order": 7,
    "extensions": {"depth": 4},
    "enabled": True,
}
FULL: dict[str, Any] = {
    "name": "Rachel",
    "nickname": "Ray",
    "description": "A librarian.",
    "personality": "dry",
    "scenario": "a library",
    "first_mes": "Hi {{user}}",
    "alternate_greetings": ["Hey", "", 5],
    "mes_example": "<START>\n{{char}}: mm",
    "post_history_instructions": "Be brief.",
    "system_prompt": "Ignore the rules.",
    "creator": "me",
    "tags": ["book"],
    "extensions": {"talkativeness": "0.5"},
    "character_book": {"name": "World", "scan_depth": 9, "token_budget": 300, "entries": [ENTRY]},
}


def test_a_card_becomes_a_character() -> None:
    character, taken = character_of_card({"spec": "chara_card_v2", "data": FULL})
    assert character.name == "Rachel"
    assert character.spoken_name == "Ray"
    assert character.context == "A librarian.\n\nPersonality: dry\n\nScenario: a library"
    assert character.greeting == "Hi {{user}}"
    assert character.alternate_greetings == ("Hey",)
    assert character.example_dialogue == "<START>\n{{char}}: mm"
    assert character.post_history_instructions == "Be brief."
    assert character.lorebook is not None
    assert (character.lorebook.scan_depth, character.lorebook.token_budget) == (9, 300)
    assert character.lorebook.entries[0].insertion_order == 7
    assert taken.unused == ["system_prompt", "creator", "tags", "extensions"]
    assert (taken.cut, taken.left_out) == ([], [])


def test_an_exported_card_has_all_and_reads_as_the_same_character() -> None:
    character, _ = character_of_card({"data": FULL})
    card = card_of(character)
    assert (card["spec"], card["spec_version"]) == ("chara_card_v3", "3.0")
    data = card["data"]
    for name in ("name", "nickname", "first_mes", "mes_example", "post_history_instructions"):
        assert data[name] == FULL[name]
    for name in ("system_prompt", "creator", "tags", "extensions"):
        assert data[name] == FULL[name]
    assert data["group_only_greetings"] == []
    (entry,) = data["character_book"]["entries"]
    assert {name: entry[name] for name in ENTRY} == ENTRY
    assert entry["use_regex"] is False
    again, _ = character_of_card(card)
    assert again.model_dump(exclude={"card"}) == character.model_dump(exclude={"card"})


def test_a_v1_card_and_sillytavern_entries_are_read() -> None:
    entries = {
        "0": {"key": ["map"], "keysecondary": ["sea"], "selective": True, "content": "M", "order": 3},
        "1": {"key": "a, b", "content": "N", "disable": True},
    }
    character, _ = character_of_card(
        {"name": "R", "description": "d", "first_mes": "f", "character_book": {"entries": entries}}
    )
    assert character.lorebook is not None
    first, second = character.lorebook.entries
    assert (first.keys, first.secondary_keys, first.insertion_order) == (("map",), ("sea",), 3)
    assert (second.keys, second.enabled) == (("a", "b"), False)


def test_what_is_too_long_is_cut_and_told() -> None:
    card = {
        "name": "n" * 60,
        "description": "d" * 13_000,
        "alternate_greetings": ["g"] * 40,
        "character_book": {"entries": [{"content": "c" * 5000}, 5, {"keys": ["(?=a)"], "use_regex": True}]},
        "assets": ["a" * 200_000],
        "tags": ["kept"],
    }
    character, taken = character_of_card(card)
    assert {cut.field: (cut.had, cut.kept) for cut in taken.cut} == {
        "name": (60, 50),
        "context": (13_000, 12_000),
        "alternate_greetings": (40, MOST_GREETINGS),
        "lorebook[1]": (5000, 4000),
        "lorebook": (3, 2),
    }
    assert taken.left_out == ["assets"]
    assert taken.unsupported == (2,)
    assert character.card == {"tags": ["kept"]}


def sillytavern(*keys: str, **more: Any) -> dict[str, Any]:
    """An entry as SillyTavern writes it into cards."""
    marks = {"selectiveLogic": 0, "display_index": 3, "case_sensitive": None, **more.pop("extensions", {})}
    return {"keys": list(keys), "content": "x", "use_regex": True, "extensions": marks, **more}


def test_the_logic_of_secondary_keys_counts_and_stays_in_the_export() -> None:
    entries = [
        sillytavern("map", secondary_keys=["sea"], selective=True, extensions={"selectiveLogic": 2}),
        # As a file of SillyTavern's own has it.
        {"key": ["map"], "keysecondary": ["sea"], "selective": True, "content": "y", "selectiveLogic": 3},
    ]
    character, _ = character_of_card(
        {"spec": "chara_card_v2", "data": {**FULL, "character_book": {"entries": entries}}}
    )
    assert character.lorebook is not None
    for said, enter in (("map", [1]), ("map, sea", [2])):
        found = keyed_entries(character.lorebook, [said], 0, 1000)
        assert [number for number, _ in found.entries] == enter
    exported = card_book(character.lorebook)["entries"]
    assert [entry["extensions"]["selectiveLogic"] for entry in exported] == [2, 3]


@pytest.mark.parametrize("spec", ["chara_card_v2", "chara_card_v3"])
def test_sillytaverns_keys_are_words_unless_they_are_written_as_expressions(spec: str) -> None:
    entries = [
        sillytavern("C++ (old)", "map"),
        sillytavern("/m[ao]p/i"),
        sillytavern(constant=True),
        sillytavern("map", secondary_keys=["sea"], selective=True),
        sillytavern("Map", extensions={"case_sensitive": True}),
    ]
    character, taken = character_of_card(
        {"spec": spec, "data": {**FULL, "character_book": {"entries": entries}}}
    )
    book = character.lorebook
    assert book is not None
    assert (taken.cut, taken.unsupported, book.expression_count) == ([], (), 1)
    assert [number for number, _ in constant_entries(book, 1000).entries] == [3]
    for said, enter in (
        ("in c++ (OLD)", [1]),
        ("MOP", [2]),
        ("map", [1, 2]),
        ("map at sea", [1, 2, 4]),
        ("Map", [1, 2, 5]),
    ):
        assert [number for number, _ in keyed_entries(book, [said], 0, 1000).entries] == enter


def test_use_regex_is_meant_in_v3_cards_and_not_in_v2_cards() -> None:
    entry = {"keys": ["m[ao]p"], "content": "x", "use_regex": True}
    for spec, meant in (("chara_card_v2", False), ("chara_card_v3", True)):
        character, _ = character_of_card(
            {"spec": spec, "data": {"name": "R", "character_book": {"entries": [entry]}}}
        )
        assert character.lorebook is not None
        assert character.lorebook.entries[0].use_regex is meant


def test_only_expressions_count_as_such_and_the_surplus_is_kept_for_the_export() -> None:
    plain = [sillytavern(f"word {number}") for number in range(30)]
    written = [sillytavern(f"/word {number}/") for number in range(25)]
    card = {"spec": "chara_card_v2", "data": {"name": "R", "character_book": {"entries": [*written, *plain]}}}
    character, taken = character_of_card(card)
    book = character.lorebook
    assert book is not None
    assert (len(book.entries), book.expression_count) == (50, MOST_EXPRESSIONS)
    assert [entry["keys"] for entry in book.unused_entries] == [
        [f"/word {number}/"] for number in range(20, 25)
    ]
    assert taken.cut == [Cut("lorebook", 55, 50)]
    assert (taken.unused, taken.left_out) == (["lorebook"], [])
    exported = card_of(character)
    assert len(exported["data"]["character_book"]["entries"]) == 55
    assert "unused_entries" not in exported["data"]["character_book"]
    again, _ = character_of_card(exported)
    assert again.lorebook == book


def test_keys_beyond_the_bounds_are_told_and_kept_for_the_export() -> None:
    many = [f"k{number}" for number in range(60)]
    long = "x" * 101
    entries = [
        {"keys": [long, *many], "secondary_keys": [long], "content": "c"},
        {"keys": [long], "use_regex": True, "content": "c"},
    ]
    character, taken = character_of_card({"data": {"name": "R", "character_book": {"entries": entries}}})
    book = character.lorebook
    assert book is not None
    assert book.entries[0].keys == tuple(many[:50])
    assert taken.cut == [
        Cut("lorebook[1].keys", 61, 50),
        Cut("lorebook[1].secondary_keys", 1, 0),
        Cut("lorebook[2].keys", 1, 0),
    ]
    assert (taken.unused, taken.left_out, taken.unsupported) == (["lorebook"], [], (2,))
    first, second = card_of(character)["data"]["character_book"]["entries"]
    assert sorted(first["keys"]) == sorted([long, *many])
    assert (first["secondary_keys"], second["keys"]) == ([long], [long])
    again, _ = character_of_card(card_of(character))
    assert again.lorebook == book


def test_what_there_is_no_room_for_is_told_as_left_out() -> None:
    entries = [
        {"keys": ["k" * 140_000, "map"], "content": "c"},
        *[{"keys": ["k"]}] * 500,
        {"content": "c" * 140_000},
    ]
    character, taken = character_of_card({"data": {"name": "R", "character_book": {"entries": entries}}})
    assert character.lorebook is not None
    assert (character.lorebook.entries[0].keys, character.lorebook.entries[0].unused_keys) == (("map",), ())
    assert taken.cut == [Cut("lorebook[1].keys", 2, 1), Cut("lorebook", 502, 500)]
    assert (taken.unused, taken.left_out) == (["lorebook"], ["lorebook"])


@pytest.mark.parametrize("card", [None, [], {}, {"name": ""}, {"data": {"name": 5}}])
def test_what_is_no_card_is_refused(card: object) -> None:
    with pytest.raises(CardError):
        character_of_card(card)


_json = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_keys = st.lists(st.text(max_size=3) | st.sampled_from(["/a/", "/(?=a)/i", "x" * 101]), max_size=3) | _json
_entry = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(ENTRY | {"use_regex": 0, "priority": 0}, _json),
        "keys": _keys,
        "secondary_keys": _keys,
        "use_regex": st.booleans() | _json,
        "extensions": _json | st.just({"selectiveLogic": 0}),
    },
)
_book = st.fixed_dictionaries(
    {"entries": st.lists(_entry | _json, max_size=3)}, optional={"scan_depth": _json, "name": _json}
)


@given(
    st.fixed_dictionaries(
        {"name": st.text(min_size=1)},
        optional={**{name: _json for name in FULL if name != "name"}, "character_book": _book | _json},
    )
)
def test_whatever_a_card_holds_it_is_read_or_refused_and_survives_storing(card: dict[str, Any]) -> None:
    try:
        character, _ = character_of_card(card)
    except CardError:
        return
    assert CharacterSheet.of_json(character.as_json()) == character
    again, _ = character_of_card(card_of(character))
    assert again.lorebook == character.lorebook


def test_a_label_that_composing_makes_longer_is_cut_and_costs_no_entry() -> None:
    for letters in ("\u0958" * 150, "\u0958" * 199 + "\u0301" * 40):
        entry = {**ENTRY, "name": letters, "comment": letters}
        book = {"name": letters, "description": letters * 20, "entries": [entry]}
        character, taken = character_of_card({"data": {**FULL, "character_book": book}})
        assert character.lorebook is not None
        assert len(character.lorebook.entries) == 1
        assert taken.cut == []
