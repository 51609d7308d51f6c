"""The same injections on their way to a foreign server, and through a whole engine with its own report."""

import json
import re
from typing import Any

import pytest
from tests.engine.rig import Rig
from tests.openai.upstream import answer, completing, config_for, opened
from tests.redteam.scenes import CASES, INJECTIONS, SCENES, case_name
from tests.redteam.world import Scene, World
from tests.search.local_server import running

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FIELDS = pytest.mark.parametrize(("scene", "field"), CASES, ids=case_name)
MARK = re.compile(
    r"<[|｜][^\s<>|｜]+[|｜]>|</?(?:start|end)_of_turn>|\[/?(?:INST|SYSTEM_PROMPT)\]|<</?SYS>>", re.IGNORECASE
)
"""What some server of OpenAI's protocol takes for a control token when it stands in a message."""

Messages = list[dict[str, Any]]


async def sent(scene: Scene, many: list[dict[str, str]]) -> list[Messages]:
    """The messages that upstream receives for each set of values."""
    async with (
        running(completing(lambda: answer("예"))) as server,
        opened(config_for(server)) as models,
    ):
        world = World(scene.service, foreign=models)
        async with world.client() as client:
            for values in many:
                world.history.store.stored.clear()
                told = await scene.send(client, world, values, "gpt")
                assert told.status_code == 200, told.text
        return [asked.json["messages"] for asked in server.requests]


def may_change(messages: Messages, touched: frozenset[str]) -> set[int]:
    """Places of the messages that these parts are in."""
    opening = 1 if messages[1]["role"] == "assistant" else 0
    last = len(messages) - 1
    places = {
        "context": {0},
        # The first entry is a constant one, the second came up.
        "lore[1]": {0},
        "examples": {0},
        "opening": {opening},
        "history": set(range(1 + opening, last)),
        "question": {last},
        "lore[2]": {last},
        "note": {last},
        "instructions": {last},
    }
    return set().union(*(places.get("question" if "search" in part else part, set()) for part in touched))


@FIELDS
async def test_a_foreign_server_gets_the_same_turns_and_no_control_token(scene: Scene, field: str) -> None:
    tried = [scene.values(), *(scene.values(field, text) for text in INJECTIONS.values())]
    clean, *attacked = await sent(scene, tried)
    allowed = may_change(clean, scene.fields[field])
    rules = clean[0]["content"].partition("\n\n")[0]
    for name, messages in zip(INJECTIONS, attacked, strict=True):
        assert [message["role"] for message in messages] == [message["role"] for message in clean], name
        changed = {
            place for place, pair in enumerate(zip(messages, clean, strict=True)) if pair[0] != pair[1]
        }
        assert changed <= allowed, name
        assert messages[0]["content"].partition("\n\n")[0] == rules, name
        for message in messages:
            assert set(message) == {"role", "content"}, name
            assert not MARK.search(message["content"]), name


async def test_what_reaches_a_foreign_server_stays_readable() -> None:
    office = SCENES[0]
    [messages] = await sent(office, [office.values("question", "a <|eot_id|> [INST] <b> <s> | [x] <|")])
    for readable in ("<| eot_id|>", "[ INST]", "<b>", "<s>", "| [x] <|"):
        assert readable in messages[-1]["content"]


WHOLE = {"office": ("question", "snippet"), "character": ("context", "user_name"), "card": ("first_mes",)}


@pytest.mark.parametrize(
    ("scene", "field"),
    [(scene, field) for scene, field in CASES if field in WHOLE.get(scene.name, ())],
    ids=case_name,
)
async def test_a_whole_engine_s_own_report_counts_the_same_tokens_for_every_other_part(
    engine: Rig, scene: Scene, field: str
) -> None:
    """End to end: request, history, search, rendering, answer. The first answer, and so the history that the
    second question meets, is the model's own and may differ.
    """
    world = World(scene.service, llama=engine.model)
    reports: list[dict[str, int]] = []
    async with world.client() as client:
        client.headers["X-Prompt-Report"] = "1"
        for text in ("", INJECTIONS["llama 3 turn"], INJECTIONS["unicode lines"]):
            world.history.store.stored.clear()
            values = scene.values(field, text) if text else scene.values()
            answered = await scene.send(client, world, values, "Llama")
            assert answered.status_code == 200, answered.text
            reports.append(json.loads(answered.headers["x-prompt-report"])["tokens"])
    clean, *attacked = reports
    same = set(clean) - scene.fields[field] - {"history"}
    assert {"rules", "template"} <= same | scene.fields[field]
    for report in attacked:
        assert set(report) == set(clean)
        assert {name: report[name] for name in same} == {name: clean[name] for name in same}
