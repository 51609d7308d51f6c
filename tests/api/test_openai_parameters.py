"""Every parameter of /v1 is honoured, refused or named as ignored."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.fakes import FakeModel, client_of, service_state

from chatbot.api.openai.body import param_path
from chatbot.api.openai.parameters import IGNORED, OTHERS, REFUSED
from chatbot.api.openai.schema import CompletionRequest
from chatbot.domain.models import ModelState

pytestmark = pytest.mark.anyio

SAID: dict[str, Any] = {"role": "user", "content": "안녕"}

ASKING: dict[str, list[Any]] = {
    "modalities": [["text", "audio"], "audio"],
}
"""Values of refused parameters that ask for something; of all others True and a word do."""


async def post(
    model: FakeModel | None = None, path: str = "chat/completions", headers: Any = None, **fields: Any
) -> httpx.Response:
    async with client_of(service_state(model=model)) as client:
        return await client.post(f"/office/v1/{path}", json={"messages": [SAID], **fields}, headers=headers)


def test_each_name_stands_in_one_table() -> None:
    tables = [set(CompletionRequest.model_fields), set(REFUSED), set(IGNORED)]
    assert sum(map(len, tables)) == len(set().union(*tables))
    assert OTHERS not in set().union(*tables)


def test_the_documentation_lists_them_all() -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    section = text.partition("## OpenAI's format")[2].partition("\n## ")[0]
    rows = {
        cells[1].strip(): set(re.findall(r"`(\w+)`", cells[2]))
        for line in section.splitlines()
        if len(cells := line.split("|")) == 4
    }
    assert rows["honoured"] == set(CompletionRequest.model_fields)
    assert rows["refused"] == set(REFUSED)
    assert rows["ignored"] == set(IGNORED)


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_honoured_is_refused_by_name_and_harmless_values_pass(name: str) -> None:
    for value in ASKING.get(name, [True, "word"]):
        refused = await post(**{name: value})
        error = refused.json()["error"]
        assert (refused.status_code, error["param"], error["code"]) == (400, name, "unsupported_parameter")
        assert error["message"].isascii()
    harmless: list[Any] = [None, False, [], {}, 0, *REFUSED[name].harmless]
    for value in harmless:
        passed = await post(**{name: value})
        assert (passed.status_code, passed.headers.get("x-ignored-parameters")) == (200, None), value


@settings(max_examples=20)
@given(st.sets(st.sampled_from(sorted(IGNORED))), st.booleans(), st.booleans())
async def test_what_has_no_meaning_passes_and_is_named(names: set[str], strange: bool, stream: bool) -> None:
    fields: dict[str, Any] = dict.fromkeys(names, "x")
    fields |= {"canary\r\nX-Forged: 1": 1} if strange else {}
    answer = await post(stream=stream, **fields)
    assert answer.status_code == 200
    told = answer.headers.get("x-ignored-parameters", "")
    assert set(told.split(", ")) - {""} == names | ({OTHERS} if strange else set())


async def test_tools_of_which_the_client_leaves_the_choice_never_reach_the_prompt() -> None:
    model = FakeModel()
    tool = {"type": "function", "function": {"name": "canary", "parameters": {"type": "object"}}}
    choices: list[dict[str, Any]] = [{}, {"tool_choice": "auto"}, {"tool_choice": None}]
    for choice in choices:
        answer = await post(model, tools=[tool], **choice)
        assert (answer.status_code, answer.headers["x-ignored-parameters"]) == (200, "tools")
    assert "canary" not in repr(model.conversations)
    assert "x-ignored-parameters" not in (await post(tools=[])).headers


@pytest.mark.parametrize(
    ("field", "value", "param"),
    [
        ("messages", None, "messages"),
        ("messages", [], "messages"),
        ("messages", "hi", "messages"),
        ("messages", [5], "messages.0"),
        ("messages", [{"content": "a"}], "messages.0.role"),
        ("messages", [SAID, {"role": "king", "content": "a"}], "messages.1.role"),
        ("messages", [{"role": "user", "content": 5}], "messages.0.content"),
        ("messages", [{"role": "user", "content": "a\x00"}], "messages.0.content"),
        ("messages", [{"role": "user", "content": ["a"]}], "messages.0.content"),
        ("messages", [{"role": "user", "content": [{"type": "text"}]}], "messages.0.content"),
        ("messages", [{**SAID, "name": 5}], "messages.0.name"),
        ("stop", "a\x00", "stop"),
        ("stop", ["a", 5], "stop.1"),
        ("stop", [str(number) for number in range(17)], "stop"),
        ("max_tokens", 0, "max_tokens"),
        ("max_tokens", -2, "max_tokens"),
        ("temperature", 2.1, "temperature"),
        ("top_p", 1.1, "top_p"),
        ("stream_options", {"include_usage": 5}, "stream_options.include_usage"),
    ],
)
async def test_a_wrong_value_is_named_as_the_client_wrote_it(field: str, value: Any, param: str) -> None:
    answer = await post(**{field: value})
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert error["code"] == (
        "missing_required_parameter" if "Field required" in error["message"] else "invalid_value"
    )
    assert error["message"].startswith(f"{param}: ")
    korean = await post(headers={"Accept-Language": "ko"}, **{field: value})
    assert any("가" <= letter <= "힣" for letter in korean.json()["error"]["message"])


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file", "canary"])
async def test_a_part_that_is_no_text_is_not_supported(kind: str) -> None:
    parts = [{"type": "text", "text": "look"}, {"type": kind, kind: {"url": "data:,canary"}}]
    answer = await post(messages=[{"role": "user", "content": parts}])
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, "messages.0.content")
    assert (error["code"], "text only" in error["message"]) == ("unsupported_parameter", True)
    assert "canary" not in answer.text


async def test_every_stop_counts_and_no_limit_is_the_service_s_own() -> None:
    model = FakeModel()
    stops = [f"stop{number}" for number in range(15)]
    assert (await post(model, stop=[*stops, ""], max_tokens=-1, seed=-1, top_p=0)).status_code == 200
    sampling = model.samplings[0]
    assert (sampling.stop, sampling.max_tokens, sampling.seed, sampling.top_p) == (
        tuple(stops),
        2048,
        None,
        0,
    )


async def test_only_models_that_can_be_used_are_listed_shown_and_named() -> None:
    unusable = FakeModel()
    unusable.state = ModelState.FAILED
    state = service_state(foreign={"gpt4.1": FakeModel(), "gpt4.1_mini": unusable})
    async with client_of(state) as client:
        models = (await client.get("/office/v1/models")).json()
        listed = models["data"]
        shown = [(await client.get(f"/office/v1/models/{entry['id']}")).json() for entry in listed]
        absent = [await client.get(f"/office/v1/models/{name}") for name in ("gpt4.1_mini", "a/b", "x" * 200)]
        asked = await client.post("/office/v1/chat/completions", json={"model": "x", "messages": [SAID]})
    assert [entry["id"] for entry in listed] == ["Llama", "gpt4.1"]
    assert [(entry["id"], entry["reason"]) for entry in models["unusable"]] == [("gpt4.1_mini", "no_key")]
    assert shown == listed
    for answer in (*absent, asked):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
        assert error["message"] == "Unknown model. Known models: Llama, gpt4.1"


async def test_a_parameter_that_a_foreign_model_does_not_take_is_refused() -> None:
    foreign = FakeModel()
    foreign.lacks = frozenset({"temperature"})
    async with client_of(service_state(foreign={"gpt4.1": foreign})) as client:
        body = {"model": "gpt4.1", "messages": [SAID], "temperature": 0.5}
        refused = await client.post("/office/v1/chat/completions", json=body)
        passed = await client.post("/office/v1/chat/completions", json={**body, "temperature": None})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "temperature")
    assert passed.status_code == 200


async def test_a_missing_route_names_those_that_there_are() -> None:
    for path in ("embeddings", "completions", "audio/speech"):
        error = (await post(path=path)).json()["error"]
        assert (error["code"], error["type"]) == ("unknown_url", "not_found_error")
        assert "POST /v1/chat/completions" in error["message"]
    browser = await post(path="embeddings", headers={"Accept": "text/html", "Accept-Language": "ko"})
    assert browser.json()["error"]["message"].startswith("이런 경로는 없습니다")


_PARTS = st.lists(st.sampled_from(["a", "b", 0, 1, "function-after[sound(), str]", "list[str]"]), max_size=5)
_BODIES = st.recursive(
    st.none() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
)


@given(_PARTS, _BODIES)
def test_the_path_of_an_error_leads_through_the_body(place: list[int | str], body: Any) -> None:
    parts = param_path(place, body).split(".")
    for part in parts[:-1]:
        body = body[int(part)] if isinstance(body, list) else body[part]
    assert parts == [""] or isinstance(body, dict | list)
