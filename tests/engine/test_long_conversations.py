"""Clients that send their whole conversation each time and never trim it, as those of /v1 do."""

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.rig import question

from chatbot.domain.messages import Exchange, Sampling

pytestmark = pytest.mark.anyio


async def test_the_prefix_of_what_was_cut_is_found_again_until_the_next_cut(rig: RigMaker) -> None:
    engine = rig(context_tokens=1024, host_cache_mib=0)
    turns: tuple[Exchange, ...] = ()
    anew = []
    for number in range(1, 61):
        asked = f"question {number:03d}"
        answer = await engine.ask(question(asked, exchanges=turns), Sampling(max_tokens=1))
        usage, report = answer.finished.usage, answer.report
        if usage.cached < usage.prompt - 100:
            anew.append(number)
        turns += (Exchange(number, asked, "answer"),)
    assert report is not None
    assert report.cut_turns
    # A turn has some 40 tokens, and each cut frees four of them at least.
    assert len(anew) <= len(report.cut_turns) / 4 + 1, anew
