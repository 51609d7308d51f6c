"""What answers of dear forms take of the others' time, however short they are, in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.person import SCHEMA

from chatbot.llm.llama import stepper as module
from chatbot.llm.llama.constraint import CHEAP, FormMasks, MaskTimes
from chatbot.llm.llama.grammars import GrammarConstraint
from chatbot.llm.llama.stepper import Stepper
from chatbot.scheduling.tuning import DEAR_MASK, MASKS_CREDIT, MASKS_SHARE, UNKNOWN_MASK

HOSTILE, USUAL = 0.015, 0.00004
STEP = 0.01
HOSTILE_ROWS = 6
PROMPT = 40


@dataclass(eq=False)
class Row:
    """A stream as the stepper's plan sees it: ``left`` tokens are to be written behind a prompt."""

    form: FormMasks | None
    mask: float = 0.0
    left: int = 10**9
    first: float | None = None
    missing: int = PROMPT
    generating: bool = False
    mask_times: MaskTimes = field(init=False)

    def __post_init__(self) -> None:
        self.mask_times = self.form.of_answer() if self.form else CHEAP

    @property
    def sampler(self) -> "Row":
        return self

    def sample(self) -> float:
        """The next token, and how long the others waited for its mask."""
        self.missing, self.generating, self.left = 1, True, self.left - 1
        if self.form is None:
            return 0.0
        seconds = self.mask if self.first is None or self.mask_times.masks else self.first
        self.mask_times.saw(seconds)
        if self.mask_times.masks == 1:
            self.form.began(self.mask_times)
        return seconds


class Batch:
    """Steps of an engine whose calls take virtual time; ``held_up`` is what dear masks took of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *rows: Row) -> None:
        self.now, self.held_up = 0.0, 0.0
        self.rows = list(rows)
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        context: Any = SimpleNamespace(batch=SimpleNamespace(capacity=512))
        speeds: Any = SimpleNamespace(prefill=SimpleNamespace(seconds=0.001))
        self.stepper = Stepper(
            context, cast("Any", SimpleNamespace(running=self.rows)), speeds, None, tiled=True
        )

    def step(self) -> None:
        for rows in self.stepper.plan():
            for stream, count in rows:
                row = cast("Row", stream)
                row.missing -= count
                if not row.missing:
                    seconds = row.sample()
                    self.stepper.masks.spend(seconds, 1)
                    self.held_up += seconds if seconds > DEAR_MASK else 0.0
                    self.now += seconds
        self.now += STEP

    def run(self, seconds: float, following: Callable[[], Row]) -> int:
        """So long; where an answer ends another begins. Returns how many ended."""
        ended, end = 0, self.now + seconds
        while self.now < end:
            self.step()
            for place, row in enumerate(self.rows):
                if not row.left:
                    self.rows[place] = following()
                    ended += 1
        return ended


def plain() -> Row:
    return Row(None)


@pytest.mark.parametrize("lengths", [(1,), (2,), (3,), (5,), (1, 2, 3, 4, 5), (400,)])
@pytest.mark.parametrize("mask", [0.0025, HOSTILE])
@pytest.mark.parametrize("known", ["form", "beginning", "nothing"])
def test_short_answers_of_a_dear_form_take_no_more_than_long_ones(
    monkeypatch: pytest.MonkeyPatch, known: str, mask: float, lengths: tuple[int, ...]
) -> None:
    form, tokens = FormMasks(), cycle(lengths)

    def hostile() -> Row:
        new = FormMasks() if known == "nothing" else form
        # The first mask is at hand where the form was compiled, as a rule.
        return Row(new, mask, next(tokens), first=USUAL if known == "beginning" else None)

    batch = Batch(monkeypatch, plain(), *(hostile() for _ in range(HOSTILE_ROWS)))
    ended = batch.run(60, hostile)
    # What was saved up goes to as many as there are, since nobody knows them yet.
    assert batch.held_up <= MASKS_SHARE * batch.now + MASKS_CREDIT + HOSTILE_ROWS * mask
    assert ended > 10 or lengths == (400,)


def test_cheap_answers_of_a_form_hide_no_dear_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    form = FormMasks()
    masks = cycle([USUAL] * 8 + [HOSTILE])

    def either() -> Row:
        return Row(form, next(masks), 5)

    batch = Batch(monkeypatch, plain(), *(either() for _ in range(HOSTILE_ROWS)))
    batch.run(60, either)
    assert batch.held_up <= MASKS_SHARE * batch.now + MASKS_CREDIT + HOSTILE_ROWS * HOSTILE


def test_nobody_rests_whose_form_is_known_to_be_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile, usual = FormMasks(), FormMasks()
    batch = Batch(monkeypatch, plain(), Row(usual, USUAL, 100))
    batch.run(2, plain)
    batch.rows += [Row(hostile, HOSTILE, 1) for _ in range(HOSTILE_ROWS)]
    batch.run(2, lambda: Row(hostile, HOSTILE, 1))
    late = Row(usual, USUAL, 100)
    batch.rows.append(late)
    for _ in range(50):
        batch.step()
    assert late.left == 50


def test_the_prompt_of_an_answer_that_rests_is_read_but_for_its_last_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resting, other = Row(FormMasks(), HOSTILE, 1), plain()
    batch = Batch(monkeypatch, plain(), other, resting)
    batch.stepper.masks.spend(1.0, 1)
    for _ in range(3):
        batch.step()
    assert (resting.missing, resting.left) == (1, 1)
    assert other.generating
    batch.run(MASKS_CREDIT / MASKS_SHARE + 1, plain)
    assert resting.left == 0


@pytest.mark.anyio
async def test_an_answer_begins_with_what_the_last_ones_of_its_form_took(rig: RigMaker) -> None:
    grammars = rig().loaded.grammars

    async def begun() -> GrammarConstraint:
        (constraint,) = await grammars.constraints(SCHEMA, 1, "somebody")
        assert isinstance(constraint, GrammarConstraint)
        return constraint

    unused, first = await begun(), await begun()
    assert first.mask_times.usual == UNKNOWN_MASK > DEAR_MASK, "nothing is known of it"
    first.mask()
    first.mask_times.saw(0.3)
    second = await begun()
    assert second.mask_times.usual == first.mask_times.total / 2
    second.mask()
    assert unused.mask_times.total == 0
    third = await begun()
    assert third.mask_times.usual == pytest.approx((first.mask_times.total / 2 + second.mask_times.total) / 2)
