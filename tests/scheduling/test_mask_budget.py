"""What dear masks take of the others' time, in virtual time."""

from chatbot.scheduling.mask_budget import MaskBudget
from chatbot.scheduling.tuning import DEAR_MASK, MASKS_CREDIT, MASKS_SHARE

HOSTILE = 0.015
STEP = 0.01


def test_hostile_masks_take_no_more_than_their_share_however_many_rows_there_are() -> None:
    for rows in (1, 7, 20):
        budget, now, held_up = MaskBudget(), 0.0, 0.0
        while now < 60:
            made = budget.affordable([HOSTILE] * rows, now)
            held_up += made * HOSTILE
            for _ in range(made):
                budget.spend(HOSTILE, 1)
            now += STEP + made * HOSTILE
        # What was saved up, and the mask that goes beyond it.
        assert MASKS_SHARE * now - HOSTILE <= held_up <= MASKS_SHARE * now + MASKS_CREDIT + HOSTILE


def test_no_more_is_saved_up_than_the_first_masks_of_a_form_need() -> None:
    budget = MaskBudget()
    assert budget.affordable([], 0.0) == 0
    assert budget.affordable([MASKS_CREDIT / 2] * 5, 1000.0) == 2


def test_usual_masks_are_no_matter_of_the_budget() -> None:
    budget = MaskBudget()
    for _ in range(100_000):
        budget.spend(8 * DEAR_MASK, 8)
    assert budget.affordable([HOSTILE], 0.0) == 1


def test_nobody_rests_for_long_for_what_others_took() -> None:
    budget = MaskBudget()
    for _ in range(1000):
        budget.spend(HOSTILE, 1)
    assert budget.affordable([HOSTILE], 0.0) == 0
    assert budget.affordable([HOSTILE], MASKS_CREDIT / MASKS_SHARE + 1) == 1
