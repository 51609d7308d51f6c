"""Trials of forms: what they are told, what is remembered of them, and who waits for whom."""

import asyncio
import json
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import GREEDY, question

from chatbot.domain.errors import Draining, Overloaded, Unavailable, UnusableForm
from chatbot.domain.forms import Form, FormKind
from chatbot.domain.messages import Sampling
from chatbot.llm.llama import form_trials
from chatbot.llm.llama.form_trials import FormTrials

pytestmark = pytest.mark.anyio

GOOD = Form(FormKind.REGEX, "a+", "first")
STUCK = (sys.executable, "-c", "import time; time.sleep(600)")


def numbered(number: int) -> Form:
    return Form(FormKind.REGEX, f"b{{{number + 1}}}", "p")


@pytest.fixture
def trials() -> Iterator[FormTrials]:
    """Closed after the test."""
    made = FormTrials()
    yield made
    made.close()


async def begun(trials: FormTrials) -> None:
    """Wait until a trial is under way."""
    while trials._process is None:
        await asyncio.sleep(0.002)


def telling(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import json, os, sys; sys.stdin.read(); print(json.dumps({program}))")


async def test_a_trial_gets_nothing_of_the_environment_but_what_python_needs(
    trials: FormTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONGODB_URI", "mongodb://user:secret@db")
    needed = {"PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "LANG"}
    for name in needed - {"PATH"}:
        monkeypatch.setenv(name, "C.UTF-8")
    monkeypatch.setattr(form_trials, "_COMMAND", telling("{'grammar': json.dumps(dict(os.environ))}"))
    seen = json.loads((await trials.tried(GOOD, "somebody")).grammar)
    # Python itself may add the character type.
    assert needed <= set(seen) <= needed | {"LC_CTYPE"}


async def test_what_came_of_a_form_is_remembered_whatever_it_was(
    trials: FormTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = await trials.tried(GOOD, "somebody")
    with pytest.raises(UnusableForm) as first:
        await trials.tried(Form(FormKind.REGEX, "(", "first"), "somebody")
    monkeypatch.setattr(form_trials, "_COMMAND", STUCK)
    assert await trials.tried(GOOD, "somebody") is form
    with pytest.raises(UnusableForm) as again:
        await trials.tried(Form(FormKind.REGEX, "(", "second"), "somebody")
    assert (again.value.reason, again.value.param) == (first.value.reason, "second")


async def test_of_both_only_so_many_are_remembered(
    trials: FormTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_trials, "_REMEMBERED", 2)
    monkeypatch.setattr(form_trials, "_COMMAND", telling("{'grammar': 'g'}"))
    for number in range(4):
        await trials.tried(numbered(number), "somebody")
    await trials.tried(numbered(2), "somebody")
    await trials.tried(numbered(4), "somebody")
    assert [text for _, text in trials._usable] == ["b{3}", "b{5}"]


async def test_no_caller_takes_the_memory_of_others(
    trials: FormTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_trials, "_REMEMBERED", 4)
    monkeypatch.setattr(form_trials, "_COMMAND", telling("{'grammar': 'g'}"))
    await trials.tried(numbered(0), "first")
    await trials.tried(numbered(1), "second")
    for number in range(2, 8):
        await trials.tried(numbered(number), "many")
    assert [text for _, text in trials._usable] == ["b{1}", "b{2}", "b{7}", "b{8}"]
    # Of those who have as many, whose was used least lately.
    await trials.tried(numbered(0), "many")
    await trials.tried(numbered(8), "third")
    await trials.tried(numbered(9), "fourth")
    assert [text for _, text in trials._usable] == ["b{8}", "b{1}", "b{9}", "b{10}"]


async def test_a_form_that_is_known_waits_for_no_trial_and_only_so_many_wait(
    trials: FormTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = await trials.tried(GOOD, "somebody")
    monkeypatch.setattr(form_trials, "_COMMAND", STUCK)
    trials._process = None
    waiting = [
        asyncio.create_task(trials.tried(numbered(number), f"caller{number // 2}"))
        for number in range(form_trials._MOST_WAITING)
    ]
    # The same form again is no further one.
    waiting.append(asyncio.create_task(trials.tried(numbered(0), "somebody")))
    await begun(trials)
    assert await trials.tried(GOOD, "somebody") is form
    with pytest.raises(Unavailable) as refused:
        await trials.tried(numbered(99), "somebody")
    assert type(refused.value) is Unavailable
    # Who leaves makes a place.
    waiting[5].cancel()
    await asyncio.wait([waiting[5]])
    late = asyncio.create_task(trials.tried(numbered(99), "somebody"))
    await asyncio.sleep(0)
    await asyncio.to_thread(trials.close)
    ended = await asyncio.gather(*waiting, late, return_exceptions=True)
    assert [type(end) for end in ended] == [Draining] * 5 + [asyncio.CancelledError] + [Draining] * 4
    assert not trials._waiting
    with pytest.raises(Draining):
        await trials.tried(numbered(7), "somebody")


async def test_a_caller_waits_for_so_many_forms_and_no_more(
    trials: FormTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(form_trials, "_COMMAND", STUCK)
    share = form_trials._MOST_OF_ONE
    waiting = [asyncio.create_task(trials.tried(numbered(number), "many")) for number in range(share)]
    await begun(trials)
    with pytest.raises(Overloaded) as refused:
        await trials.tried(numbered(share), "many")
    assert (refused.value.retry_after, refused.value.queue_size) == (5, share)
    # The same form again takes no further place, and others have theirs.
    waiting.append(asyncio.create_task(trials.tried(numbered(0), "many")))
    waiting.append(asyncio.create_task(trials.tried(numbered(share), "another")))
    await asyncio.sleep(0)
    assert len(trials._waiting) == share + 1
    waiting[1].cancel()
    await asyncio.wait([waiting[1]])
    waiting.append(asyncio.create_task(trials.tried(numbered(99), "many")))
    await asyncio.sleep(0)
    await asyncio.to_thread(trials.close)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ended] == [Draining, asyncio.CancelledError, Draining, Draining, Draining]


async def test_one_that_gets_no_processor_in_time_says_so_and_is_not_remembered(
    trials: FormTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as slow:
        slow.setattr(form_trials, "_COMMAND", STUCK)
        slow.setattr(form_trials, "_SECONDS", 0.05)
        with pytest.raises(Unavailable):
            await trials.tried(GOOD, "somebody")
    assert await trials.tried(GOOD, "somebody")


async def test_one_that_is_killed_from_outside_says_nothing_of_the_form(
    trials: FormTrials, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(form_trials, "_COMMAND", telling("os.kill(os.getpid(), 9)"))
        with pytest.raises(Unavailable):
            await trials.tried(GOOD, "somebody")
    assert await trials.tried(GOOD, "somebody")


async def test_a_request_that_waits_for_its_form_at_the_end_is_told_so(
    rig: RigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = rig()
    monkeypatch.setattr(form_trials, "_COMMAND", STUCK)
    asked = Sampling(form=GOOD, max_tokens=GREEDY.max_tokens)
    waiting = [asyncio.create_task(one.ask(question("?"), asked)) for _ in range(2)]
    await begun(one.loaded.grammars._trials)
    waiting.append(asyncio.create_task(one.ask(question("?"), replace(asked, form=numbered(1)))))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await one.ask(question("?"), replace(asked, form=numbered(2)))
    await asyncio.to_thread(one.model.close)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ended] == [Draining] * 3
