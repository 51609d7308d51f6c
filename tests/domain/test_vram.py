"""What goes to a card when the settings leave it open: the most that fits, and never more."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chatbot.domain.vram import CPU_POOL_TOKENS, OVERHEAD_MIB, ModelFacts, Wish, choose, plan

EIGHT_B = ModelFacts("m", "llama", 4686, (8,) * 32, 128, 128, 8192, 128256)
OPEN = Wish(gpu_layers=None, pool_tokens=0, least=4096, most=24 * 4096)


def test_a_card_of_8_gib_takes_all_layers_and_the_largest_pool() -> None:
    choice = choose(EIGHT_B, OPEN, card_mib=8192)
    assert choice.gpu_layers == -1
    assert choice.pool_tokens == plan(EIGHT_B, pool_tokens=1, card_mib=8192).largest_pool
    assert choice.plan.fits


def test_a_large_card_takes_no_more_pool_than_everybody_at_once_can_fill() -> None:
    assert choose(EIGHT_B, OPEN, card_mib=80_000).pool_tokens == OPEN.most


def test_a_card_that_holds_no_layer_leaves_the_model_on_the_cpu() -> None:
    choice = choose(EIGHT_B, OPEN, card_mib=OVERHEAD_MIB)
    assert (choice.gpu_layers, choice.pool_tokens, choice.plan.needed_mib) == (0, CPU_POOL_TOKENS, 0)


def test_what_is_set_is_kept_even_where_it_does_not_fit() -> None:
    choice = choose(EIGHT_B, Wish(-1, 16384, 4096, 98304), card_mib=4096)
    assert (choice.gpu_layers, choice.pool_tokens, choice.plan.fits) == (-1, 16384, False)


@settings(deadline=None)
@given(card=st.integers(0, 20_000), pool=st.sampled_from([0, 4096, 16384]))
def test_open_layers_are_the_most_that_fit(card: int, pool: int) -> None:
    wish = Wish(None, pool, 4096, 98304)
    choice = choose(EIGHT_B, wish, card_mib=card)
    assert choice.plan.needed_mib <= card
    assert choice.pool_tokens >= (pool or wish.least)
    if 0 <= choice.gpu_layers < EIGHT_B.layers:
        one_more = choice.gpu_layers + 1
        assert not plan(EIGHT_B, pool_tokens=pool or 4096, card_mib=card, gpu_layers=one_more).fits


@settings(deadline=None)
@given(smaller=st.integers(0, 20_000), more=st.integers(0, 4000))
def test_a_larger_card_never_takes_less(smaller: int, more: int) -> None:
    before, after = (choose(EIGHT_B, OPEN, card_mib=card) for card in (smaller, smaller + more))
    layers_before, layers_after = (one.gpu_layers % (EIGHT_B.layers + 1) for one in (before, after))
    assert layers_before <= layers_after
