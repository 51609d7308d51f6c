"""Answers that have a form: what comes out is always of it, whatever a model of random weights prefers."""

import asyncio
import json
import re
from dataclasses import replace

import pytest
from tests.engine.conftest import RigMaker
from tests.engine.person import LONG, PERSON, SCHEMA, assert_person
from tests.engine.rig import Rig, question

from chatbot.api.openai.tools import CallText, ToolFunction, form_of_call
from chatbot.domain.errors import UnusableForm
from chatbot.domain.forms import Form, FormKind
from chatbot.domain.messages import Conversation, FinishReason, Sampling
from chatbot.llm.llama.grammars import GrammarConstraint


@pytest.mark.anyio
@pytest.mark.parametrize("model", ["tiny", "base"])
async def test_a_schema_is_met_and_ends_the_answer(rig: RigMaker, model: str) -> None:
    one = rig(model)
    for seed in range(3):
        answer = await one.ask(question("who?"), replace(LONG, seed=seed, form=SCHEMA))
        assert_person(answer.text)
        assert answer.finished.reason is FinishReason.STOP
    cut = await one.ask(question("who?"), replace(LONG, form=SCHEMA, max_tokens=9))
    assert cut.finished.reason is FinishReason.LENGTH
    assert len(cut.text) == 9


@pytest.mark.anyio
async def test_each_kind_of_form(rig: RigMaker) -> None:
    one = rig()

    async def answer(kind: FormKind, text: str) -> str:
        return (await one.ask(question("?"), replace(LONG, form=Form(kind, text)))).text

    assert re.fullmatch(r"\n\n [a-c]{3}-\d{2}", await answer(FormKind.REGEX, r"\n\n [a-c]{3}-\d{2}"))
    gbnf = 'root ::= "yes" | "no" | list\nlist ::= "[" [0-9]+ ("," [0-9]+){1,2} "]"'
    assert re.fullmatch(r"yes|no|\[\d+(,\d+){1,2}\]", await answer(FormKind.GRAMMAR, gbnf))
    assert await answer(FormKind.GRAMMAR, 'start: "a" ("b" | "가")') in ("ab", "a가")
    biased = replace(LONG, form=Form(FormKind.JSON_OBJECT), logit_bias=((ord("}"), 100.0),))
    assert json.loads((await one.ask(question("?"), biased)).text) == {}


@pytest.mark.anyio
async def test_a_forced_call_is_one_of_the_tools(rig: RigMaker) -> None:
    tools = [
        ToolFunction.model_validate({"name": name, "parameters": parameters})
        for name, parameters in (("clock-1", {}), ("person", PERSON))
    ]
    one, seen = rig(), set()
    for seed in range(6):
        said = CallText()
        answer = await one.ask(question("call"), replace(LONG, seed=seed, form=form_of_call(tools)))
        name, arguments = said.feed(answer.text)
        seen.add(name)
        if name == "person" and answer.finished.reason is FinishReason.STOP:
            assert_person(arguments)
    assert seen <= {"clock-1", "person"}
    named = await one.ask(question("call"), replace(LONG, form=form_of_call(tools[1:])))
    assert named.text.startswith("person\n{")
    assert_person(named.text.partition("\n")[2])


@pytest.mark.anyio
async def test_several_answers_have_a_form_each(rig: RigMaker) -> None:
    answers = await rig().ask_for(4, question("who?"), replace(LONG, form=SCHEMA))
    assert len({answer.text for answer in answers}) > 1
    for answer in answers:
        assert_person(answer.text)


@pytest.mark.anyio
async def test_an_integer_ends_although_the_model_goes_on_with_digits(rig: RigMaker) -> None:
    form = Form(FormKind.JSON_SCHEMA, '{"type": "integer"}')
    digits = replace(LONG, form=form, logit_bias=tuple((ord(digit), 100.0) for digit in "123456789"))
    answer = await rig().ask(question("?"), digits)
    assert re.fullmatch(r"-?\d{15,16}", answer.text)
    assert answer.finished.reason is FinishReason.STOP


@pytest.mark.anyio
async def test_a_client_stop_still_ends_the_answer(rig: RigMaker) -> None:
    answer = await rig().ask(question("who?"), replace(LONG, form=SCHEMA, stop=('", "age',)))
    assert answer.text.startswith('{"name": "')
    assert '"age' not in answer.text
    assert answer.finished.reason is FinishReason.STOP


@pytest.mark.anyio
@pytest.mark.parametrize(
    "form",
    [
        Form(FormKind.JSON_SCHEMA, '{"type": "nonsense"}', "p"),
        Form(FormKind.JSON_SCHEMA, '{"$ref": "http://elsewhere/schema"}', "p"),
        Form(FormKind.JSON_SCHEMA, '{"$ref": "#"}', "p"),
        Form(FormKind.JSON_SCHEMA, '{"type": "object", "uniqueThings": 1, "not": {}}', "p"),
        Form(FormKind.JSON_SCHEMA, '{"type": "number", "multipleOf": 1234567}', "p"),
        Form(FormKind.REGEX, "(", "p"),
        Form(FormKind.REGEX, "(?=look)ahead", "p"),
        Form(FormKind.GRAMMAR, "root ::= missing", "p"),
        Form(FormKind.GRAMMAR, "root ::= " + "(" * 20_000, "p"),
        Form(FormKind.GRAMMAR, "\n".join(f"r{n} ::= r{n + 1}" for n in range(1_000)), "p"),
        Form(FormKind.GRAMMAR, "no grammar at all", "p"),
    ],
    ids=lambda form: form.text[:40],
)
async def test_what_is_no_form_is_refused_with_the_reason(rig: RigMaker, form: Form) -> None:
    one = rig()
    with pytest.raises(UnusableForm) as refused:
        await one.ask(question("?"), replace(LONG, form=form))
    assert refused.value.param == "p"
    assert 0 < len(refused.value.reason) <= 300
    assert " " in refused.value.reason, "a sentence, not the library's name of a state"
    assert one.model.queue_size("office") == 0  # type: ignore[arg-type]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ('root ::= "<" start ">"\nstart ::= "start" | [start]', "<(start|[start])>"),
        ('start ::= "yes" # start\nroot ::= start', "yes"),
        ("root ::= st-art\nst-art ::= [a-c]{2}", "[a-c]{2}"),
    ],
)
async def test_gbnf_may_have_a_rule_that_is_called_start(rig: RigMaker, text: str, pattern: str) -> None:
    answer = await rig().ask(question("?"), replace(LONG, form=Form(FormKind.GRAMMAR, text)))
    assert re.fullmatch(pattern, answer.text)


@pytest.mark.anyio
async def test_a_form_that_outgrows_its_bounds_ends_the_answer_with_what_there_is(rig: RigMaker) -> None:
    one = rig()
    names = [f"r{number}" for number in range(50)]
    rules = [f'{name}: {name} {name} | "a"' for name in names]
    ambiguous = Form(FormKind.GRAMMAR, "\n".join([f"start: {' | '.join(names)}", *rules]))
    wanted = ((ord("a"), 100.0),)
    answer = await one.ask(question("?"), replace(LONG, form=ambiguous, logit_bias=wanted))
    assert answer.finished.reason is FinishReason.LENGTH
    assert re.fullmatch("a{5,50}", answer.text)
    assert_person((await one.ask(question("who?"), replace(LONG, form=SCHEMA))).text)


@pytest.mark.anyio
async def test_a_form_whose_masks_are_dear_rests_while_others_write(
    rig: RigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = rig()
    expected = (await one.ask(question("who?"), replace(LONG, form=SCHEMA))).text
    mask = GrammarConstraint.mask

    def dear(constraint: GrammarConstraint) -> object:
        # As if each took an hour of a processor, which no share makes up for.
        constraint.mask_times.saw(3600.0)
        return mask(constraint)

    monkeypatch.setattr(GrammarConstraint, "mask", dear)
    ended: list[str] = []

    async def ask(name: str, conversation: Conversation, sampling: Sampling) -> str:
        answer = await one.ask(conversation, sampling, caller=name)
        ended.append(name)
        return answer.text

    plain = Sampling(temperature=0.0, max_tokens=400, logit_bias=tuple((end, -100.0) for end in ends(one)))
    held_up = replace(LONG, form=SCHEMA)
    async with asyncio.TaskGroup() as group:
        writing = [group.create_task(ask(f"plain{n}", question(f"{n}"), plain)) for n in range(3)]
        while len(one.meter.starts) < 4:
            await asyncio.sleep(0.001)
        held = [group.create_task(ask(f"dear{n}", question("who?"), held_up)) for n in (1, 2)]
    assert {name[:5] for name in ended[:3]} == {"plain"}
    assert all(task.result() for task in writing)
    # Nothing is lost: with nobody else in the batch they go on.
    assert [task.result() for task in held] == [expected, expected]


def ends(rig: Rig) -> list[int]:
    """The tokens that end an answer."""
    return sorted(rig.loaded.engine._setup.vocabulary.end_tokens)
