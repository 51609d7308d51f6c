"""The count of cells against the library: same positions, and full exactly when the library says full."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatbot.llm.llama.context import Context, ContextShape, DecodeError, parking_ids
from chatbot.llm.llama.host_cache import HostCache
from chatbot.llm.llama.model_file import ModelFile
from chatbot.llm.llama.prefix_cache import Match, ParkingPolicy, PrefixCache
from chatbot.scheduling.rates import Rate

SEQUENCES = 4
IDS = [*range(SEQUENCES), *parking_ids(SEQUENCES)[:4]]


@pytest.fixture
def context(file: ModelFile) -> Iterator[Context]:
    made = Context(file, ContextShape(pool=256, sequences=SEQUENCES, rows=256, threads=1))
    yield made
    made.close()


def copy_out_and_in(context: Context, source: int, target: int, count: int) -> None:
    memory = context.memory
    count = min(count, memory.length(source))
    memory.truncate(target, 0)
    state = memory.save(source, 0, count) if count else None
    if state is not None:
        enough = memory.free >= count
        assert memory.load(state, target, cells=count, stop=count - count // 3) is enough


def decode(context: Context, sequence: int, count: int) -> None:
    context.batch.clear()
    context.batch.add(sequence, context.memory.length(sequence), [65] * count, outputs=0)
    context.decode()
    context.memory.appended(sequence, count)


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["append", "share", "truncate", "copy"]),
        st.sampled_from(IDS),
        st.sampled_from(IDS),
        st.integers(0, 60),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(operations=OPERATIONS)
def test_any_history_is_counted_as_the_library_counts(
    file: ModelFile, operations: list[tuple[str, int, int, int]]
) -> None:
    context = Context(file, ContextShape(pool=256, sequences=SEQUENCES, rows=256, threads=1))
    memory = context.memory
    for verb, first, second, count in operations:
        if verb == "append" and first < SEQUENCES and 0 < count <= memory.free:
            decode(context, first, count)
        elif verb == "share" and first != second:
            memory.truncate(second, 0)
            memory.share(first, second, min(count, memory.length(first)))
        elif verb == "truncate":
            memory.truncate(first, count)
        elif verb == "copy" and first != second:
            copy_out_and_in(context, first, second, count)
    assert all(memory.agrees(sequence) for sequence in IDS)
    assert memory.used == memory.held(IDS)
    memory.truncate(0, 0)
    free = memory.free
    # One row too many is refused by the library itself, and changes nothing; the rest fits exactly.
    if file.n_swa == 0:
        if free < 256:
            with pytest.raises(DecodeError, match="returned 1"):
                decode(context, 0, free + 1)
        if free:
            decode(context, 0, free)
            assert memory.free == 0
    context.close()


def test_a_context_that_is_as_wanted_warns_of_nothing(
    file: ModelFile, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "chatbot.llm.llama")
    Context(file, ContextShape(pool=256, sequences=SEQUENCES, rows=256, threads=1)).close()
    assert caplog.messages, "the library's messages reach the logger"
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []


def test_rows_that_would_abort_the_process_are_refused(context: Context) -> None:
    batch = context.batch
    with pytest.raises(ValueError, match="do not fit"):
        batch.add(0, 0, [1] * 257, outputs=0)
    for sequence, position, token in ((SEQUENCES, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 512), (0, 0, -1)):
        batch.clear()
        batch.add(sequence, position, [token], outputs=1)
        with pytest.raises(ValueError, match="outside"):
            context.decode()
    batch.clear()
    with pytest.raises(ValueError, match="0 rows"):
        context.decode()
    for position in range(SEQUENCES + 1):
        batch.add(0, position, [1], outputs=1)
    with pytest.raises(ValueError, match="5 outputs"):
        context.decode()
    with pytest.raises(RuntimeError, match="abort"):
        context.memory.truncate(256, 0)


def parked_room(context: Context, n_swa: int, length: int, *, guarded: bool) -> tuple[PrefixCache, Match]:
    policy = ParkingPolicy(HostCache(0, n_swa), Rate(1.0), n_swa)
    cache = PrefixCache(context.memory, parking_ids(SEQUENCES), policy)
    decode(context, 1, 8)
    decode(context, 0, length)
    guard = cache.guard(0, length) if guarded else None
    cache.park(0, [65] * length, guard)
    match = cache.match(np.full(length + 10, 65, dtype=np.int32))
    assert match is not None
    return cache, match


@pytest.mark.parametrize("file", ["window"], indirect=True)
@pytest.mark.parametrize("guarded", [True, False])
def test_a_window_model_never_reuses_a_room_whose_cells_were_taken(
    context: Context, file: ModelFile, guarded: bool
) -> None:
    cache, match = parked_room(context, file.n_swa, 120, guarded=guarded)
    assert match.sequence is not None
    # Cells freed before the room's make the library search from there, and on into the room.
    context.memory.truncate(1, 0)
    decode(context, 1, 40)
    stolen = context.memory.first_position(match.sequence) > 0
    assert stolen is not guarded, "without a guard the library takes cells of the parked room"
    assert cache.adopt(match, 2, 60) == (60 if guarded else 0)
    assert context.memory.length(2) == (60 if guarded else 0)
    assert cache.entries == (1 if guarded else 0), "a spoilt room is forgotten"
