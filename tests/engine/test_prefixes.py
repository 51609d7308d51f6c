"""Who agrees longest with a prompt: what looking at everybody finds, found by two comparisons."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.llm.llama import prefixes
from chatbot.llm.llama.prefixes import PrefixIndex, Tokens, common_prefix

PROMPTS = st.lists(st.integers(0, 2) | st.sampled_from([255, 256, 2**31 - 1]), max_size=6)
"""Short and of few tokens, so that many of them begin alike; some differ in another byte than the first."""


@dataclass(eq=False)
class Room:
    """A holder of tokens."""

    prompt: list[int]
    tokens: Tokens = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = np.array(self.prompt, dtype=np.int32)


def unrelated(prompts: list[list[int]]) -> list[Room]:
    """Rooms of those prompts that are no beginning of a later one, nor a later one's of them."""
    kept: list[list[int]] = []
    for prompt in prompts:
        if prompt and not any(one[: len(prompt)] == prompt[: len(one)] for one in kept):
            kept.append(prompt)
    return [Room(prompt) for prompt in kept]


@given(st.lists(PROMPTS, max_size=30), st.lists(st.booleans(), max_size=30), PROMPTS, st.integers(0, 3))
def test_the_index_finds_what_looking_at_everybody_finds(
    prompts: list[list[int]], gone: list[bool], asked: list[int], beyond: int
) -> None:
    index, rooms = PrefixIndex[Room](), unrelated(prompts)
    for room in rooms:
        index.add(room)
    for room, goes in list(zip(rooms, gone, strict=False)):
        if goes:
            index.remove(room)
            rooms.remove(room)
    tokens = np.array(asked, dtype=np.int32)
    longest = max((common_prefix(room.tokens, tokens) for room in rooms), default=0)
    found, length = index.longest(tokens, beyond)
    assert length == max(longest, beyond)
    assert (found is not None) == (longest > beyond)
    if found is not None:
        assert found in rooms
        assert common_prefix(found.tokens, tokens) == length


def test_a_room_is_found_by_two_comparisons_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0

    def counting(left: Tokens, right: Tokens) -> int:
        nonlocal compared
        compared += 1
        return common_prefix(left, right)

    monkeypatch.setattr(prefixes, "common_prefix", counting)
    index = PrefixIndex[Room]()
    for number in range(1000):
        index.add(Room([7] * 50 + [number, 1, 2]))
    assert index.longest(np.array([7] * 50 + [500, 1, 9], dtype=np.int32))[1] == 52
    assert compared == 2
