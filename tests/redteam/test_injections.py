"""Injections in every field of every way in: what the model reads differs in that field's part only."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.redteam.formats import Format, assert_contained, speaking_lines
from tests.redteam.scenes import CASES, INJECTIONS, SCENES, case_name, parts
from tests.redteam.world import Scene, World

from chatbot.domain.messages import Conversation

pytestmark = [pytest.mark.anyio, pytest.mark.real_model]

FIELDS = pytest.mark.parametrize(("scene", "field"), CASES, ids=case_name)


def assert_contained_in_each(
    formats: dict[str, Format], attacked: Conversation, clean: Conversation, touched: frozenset[str]
) -> None:
    for name, form in formats.items():
        prompt, harmless = form.render(attacked), form.render(clean)
        assert_contained(form, prompt, harmless, touched)
        if name == "gemma transcript" and "template" not in touched:
            labels = (clean.speakers.user, clean.speakers.assistant)
            texts = [form.vocabulary.text(each.tokens) for each in (prompt, harmless)]
            counts = [speaking_lines(text, labels) for text in texts]
            assert counts[0] == counts[1], "a line passes for a speaker's"


@FIELDS
async def test_an_injection_stays_in_its_own_part(
    formats: dict[str, Format], scene: Scene, field: str
) -> None:
    tried = [scene.values(), *(scene.values(field, text) for text in INJECTIONS.values())]
    clean, *attacked = await scene.conversations(tried)
    assert (clean.speakers.user, clean.speakers.assistant) == scene.labels
    for name, conversation in zip(INJECTIONS, attacked, strict=True):
        try:
            assert conversation.system[0] == clean.system[0], "the rules changed"
            assert_contained_in_each(formats, conversation, clean, scene.fields[field])
        except AssertionError as error:
            raise AssertionError(f"{name} in {field}: {error}") from error


fragments = sorted({word for text in INJECTIONS.values() for word in text.split()})
pieces = st.lists(
    st.sampled_from(fragments) | st.sampled_from("\n\r\u2028\u0085:：*>") | st.text(max_size=8), max_size=14
)


@pytest.mark.slow
@settings(deadline=None, max_examples=80)
@given(words=pieces, case=st.sampled_from(CASES))
def test_no_mixture_of_fragments_leaves_its_part(
    formats: dict[str, Format], words: list[str], case: tuple[Scene, str]
) -> None:
    scene, field = case
    text = "".join(words).replace("\x00", "").encode("utf-8", "ignore").decode()[:150]
    clean, attacked = asyncio.run(scene.conversations([scene.values(), scene.values(field, text)]))
    assert_contained_in_each(formats, attacked, clean, scene.fields[field])


@pytest.mark.parametrize("name", INJECTIONS)
async def test_a_user_id_and_a_room_take_no_injection(name: str) -> None:
    for scene in SCENES[:2]:
        world = World(scene.service)
        body = {**scene.values(), "input_data": "안녕"}
        async with world.client() as client:
            for field, wrong in (
                ({"user_id": INJECTIONS[name]}, "user_id"),
                ({"user_id": "u", "db_id": INJECTIONS[name]}, "db_id"),
            ):
                answer = await client.post(f"/{scene.service}/Llama", json={**body, **field})
                assert answer.status_code == 422
                assert [item["loc"] for item in answer.json()["detail"]] == [["body", wrong]]
                listed = await client.get(f"/{scene.service}/rooms", params={"user_id": INJECTIONS[name]})
                assert listed.status_code == 422
        assert world.model.conversations == []


async def test_the_check_itself_notices_a_breach(formats: dict[str, Format]) -> None:
    """A suite that passes whatever happens shows nothing: here is what it must refuse."""
    scene = SCENES[0]
    changes = ("question", "past_answer")
    clean, *changed = await scene.conversations(
        [scene.values(), *(scene.values(field, "다름") for field in changes)]
    )
    for form in formats.values():
        for conversation, touched in zip(changed, ("history", "question"), strict=True):
            with pytest.raises(AssertionError, match="changed"):
                assert_contained(form, form.render(conversation), form.render(clean), parts(touched))
    assert speaking_lines("비서: 네\n사용자: x\r**비서**：y\n말: z", ("사용자", "비서")) == 3
