"""Rooms outside the pool: what is kept, what goes first, what comes back and with how many cells."""

from collections.abc import Iterator

import numpy as np
import pytest

from chatbot.domain.vram import MIB, KvType
from chatbot.llm.llama.context import Context, ContextShape, Logits, parking_ids
from chatbot.llm.llama.host_cache import HostCache
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.prefix_cache import ParkingPolicy, PrefixCache
from chatbot.llm.llama.prefixes import Tokens
from chatbot.scheduling.rates import Rate

SEQUENCES = 4
DEAR = 1.0
"""Seconds of computing a token beside which any copy is cheap."""


@pytest.fixture
def context(file: ModelFile, kv_type: KvType) -> Iterator[Context]:
    made = Context(file, ContextShape(pool=512, sequences=SEQUENCES, rows=256, threads=1, kv_type=kv_type))
    yield made
    made.close()


def prompt(*runs: tuple[int, int]) -> Tokens:
    """Tokens by (token, how many of it)."""
    return np.concatenate([np.full(count, token, dtype=np.int32) for token, count in runs])


def compute(context: Context, sequence: int, tokens: Tokens) -> None:
    context.batch.clear()
    context.batch.add(sequence, context.memory.length(sequence), tokens.tolist(), outputs=0)
    context.decode()
    context.memory.appended(sequence, len(tokens))


def opened(context: Context, file: ModelFile, host: HostCache, cold_rows: int = 0) -> PrefixCache:
    policy = ParkingPolicy(host, Rate(DEAR), file.n_swa, cold_rows)
    return PrefixCache(context.memory, parking_ids(SEQUENCES), policy)


def park(cache: PrefixCache, context: Context, tokens: Tokens) -> None:
    compute(context, 0, tokens)
    cache.park(0, tokens.tolist(), cache.guard(0, len(tokens)))


def test_the_rest_of_a_saved_room_joins_what_the_pool_still_holds(context: Context, file: ModelFile) -> None:
    host = HostCache(64, file.n_swa)
    cache = opened(context, file, host)
    room = prompt((65, 100), (66, 50))
    park(cache, context, room)
    assert cache.evict_one()
    assert context.memory.used == 0
    assert host.size > 0
    compute(context, 1, room[:100])
    found = cache.extended(cache.match(room), room)
    assert found is not None
    assert (found.length, found.shared) == (150, 0), "a running sequence is the roster's to find"
    cache.park(1, room[:100].tolist(), cache.guard(1, 100))
    found = cache.extended(cache.match(room), room)
    assert found is not None
    assert (found.length, found.shared) == (150, 100)
    assert cache.adopt(found, 2, 140) == 140
    assert context.memory.used == 140, "the first hundred cells are shared"
    assert context.memory.agrees(2)


def test_a_pool_without_cells_for_a_room_gives_what_fits(context: Context, file: ModelFile) -> None:
    cache = opened(context, file, HostCache(64, file.n_swa))
    room = prompt((65, 200))
    park(cache, context, room)
    cache.evict_one()
    compute(context, 1, prompt((70, 256)))
    compute(context, 1, prompt((71, 100)))
    found = cache.extended(None, room)
    assert found is not None
    adopted = cache.adopt(found, 2, 199)
    assert adopted == (0 if not file.n_swa else 128), "segments of 32 with 156 cells free, or all at once"
    assert context.memory.used == 356 + adopted
    assert context.memory.agrees(2)


def test_rooms_that_nobody_uses_make_way_for_the_whole_of_one_that_comes_back(
    context: Context, file: ModelFile
) -> None:
    cache = opened(context, file, HostCache(64, file.n_swa))
    room = prompt((65, 200))
    park(cache, context, room)
    cache.evict_one()
    for token in (70, 71, 72):
        park(cache, context, prompt((token, 160)))
    found = cache.extended(None, room)
    assert found is not None
    assert cache.adopt(found, 2, 199) == 199
    assert cache.entries == 1, "two of three had to leave"
    assert context.memory.agrees(2)


def test_the_least_recently_used_room_goes_first(context: Context, file: ModelFile) -> None:
    host = HostCache(1, file.n_swa)
    memory = context.memory
    rooms = [prompt((token, 250)) for token in range(60, 110)]
    for room in rooms:
        compute(context, 0, room)
        host.save(memory, 0, room, DEAR)
        memory.truncate(0, 0)
        assert host.size <= MIB
        # The first is asked for again and again, and so it stays.
        first = host.match(rooms[0])
        assert first is not None
        host.load(memory, first[0], 1, 250)
        assert memory.length(1) == 250
        memory.truncate(1, 0)
    kept = [token for token, room in zip(range(60, 110), rooms, strict=True) if host.match(room)]
    assert 3 < len(kept) < 40, "the budget held some of them"
    assert kept == [60, *range(111 - len(kept), 110)]


def test_a_longer_state_of_a_room_takes_the_place_of_the_shorter(context: Context, file: ModelFile) -> None:
    host = HostCache(1, file.n_swa)
    room = prompt((65, 100), (66, 100))
    compute(context, 0, room[:100])
    host.save(context.memory, 0, room[:100], DEAR)
    half = host.size
    compute(context, 0, room[100:])
    host.save(context.memory, 0, room, DEAR)
    assert half < host.size < 2.2 * half
    host.save(context.memory, 0, room[:100], DEAR)
    assert host.size < 2.2 * half, "what a longer state holds is not copied again"


def test_no_budget_or_a_copy_that_costs_more_than_computing_saves_nothing(
    context: Context, file: ModelFile
) -> None:
    none = HostCache(0, file.n_swa)
    dear = HostCache(64, file.n_swa)
    tokens = prompt((65, 100))
    compute(context, 0, tokens)
    none.save(context.memory, 0, tokens, DEAR)
    assert none.size == 0
    dear.save(context.memory, 0, tokens, DEAR)
    first = dear.size
    assert first > 0, "the first copy is how the cost gets known"
    another = prompt((66, 100))
    context.memory.truncate(0, 0)
    compute(context, 0, another)
    tries = 0
    while dear.size == first:
        dear.save(context.memory, 0, another, 1e-12)
        tries += 1
    assert tries == 64, "now and then it is tried again"


def test_what_nobody_uses_leaves_the_pool_by_itself(context: Context, file: ModelFile) -> None:
    host = HostCache(64, file.n_swa)
    cache = opened(context, file, host, cold_rows=100)
    park(cache, context, prompt((65, 50)))
    cache.make_way(99)
    assert cache.entries == 1
    cache.make_way(1)
    assert cache.entries == 0
    assert context.memory.used == 0
    assert host.match(prompt((65, 50)))
    never = opened(context, file, host)
    park(never, context, prompt((66, 50)))
    never.make_way(10**9)
    assert never.entries == 1


def next_logits(context: Context, sequence: int, token: int) -> Logits:
    """What follows when the sequence gets one more token, which leaves it again."""
    length = context.memory.length(sequence)
    context.batch.clear()
    context.batch.add(sequence, length, [token], outputs=1)
    context.decode()
    context.memory.appended(sequence, 1)
    row: Logits = context.logits()[0].copy()
    context.memory.truncate(sequence, length)
    return row


def test_a_room_comes_back_as_it_was(context: Context, file: ModelFile) -> None:
    cache = opened(context, file, HostCache(64, file.n_swa))
    room = prompt(*((token, 1) for token in np.random.default_rng(1).integers(32, 127, 200).tolist()))
    compute(context, 0, room)
    before = next_logits(context, 0, 90)
    cache.park(0, room.tolist(), cache.guard(0, len(room)))
    cache.evict_one()
    compute(context, 1, prompt((70, 150)))  # takes the cells that the room had
    found = cache.extended(None, room)
    assert found is not None
    assert cache.adopt(found, 2, len(room)) == len(room)
    after = next_logits(context, 2, 90)
    # The same numbers in other cells are summed in another order.
    assert np.abs(after - before).max() < 0.02 * before.std()
    other = next_logits(context, 1, 90)
    assert np.abs(other - before).max() > before.std(), "the logits tell rooms apart"


def test_a_room_of_q8_0_takes_about_half_of_the_memory(file: ModelFile) -> None:
    sizes = []
    kinds: tuple[KvType, ...] = ("f16", "q8_0")
    for kind in kinds:
        shape = ContextShape(pool=512, sequences=SEQUENCES, rows=256, threads=1, kv_type=kind)
        context, host = Context(file, shape), HostCache(64, file.n_swa)
        compute(context, 0, prompt((65, 200)))
        host.save(context.memory, 0, prompt((65, 200)), DEAR)
        sizes.append(host.size)
        context.close()
    assert 0.5 < sizes[1] / sizes[0] < 0.65
