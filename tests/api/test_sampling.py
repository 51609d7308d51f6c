"""What a request may say of how its tokens are chosen, on the suite's own route and on /v1."""

from typing import Any

import pytest
from tests.support.fakes import FakeModel, client_of, service_state

from chatbot.domain.messages import Sampling
from chatbot.domain.sampling import MOST_BIASES, SamplingRequest

pytestmark = pytest.mark.anyio

CHOSEN: dict[str, Any] = {
    "temperature": 1.1,
    "dynatemp_range": 0.3,
    "dynatemp_exponent": 2,
    "top_p": 0.9,
    "top_k": 20,
    "min_p": 0.1,
    "typical_p": 0.8,
    "top_n_sigma": 2,
    "xtc_probability": 0.5,
    "xtc_threshold": 0.2,
    "repeat_penalty": 0.9,
    "presence_penalty": -1,
    "frequency_penalty": 1.5,
    "repeat_last_n": -1,
    "dry_multiplier": 0.7,
    "dry_base": 2,
    "dry_allowed_length": 3,
    "dry_penalty_last_n": 512,
    "dry_sequence_breakers": ["\n", "}"],
    "logit_bias": {"15": -100, "7": 2.5},
    "seed": 11,
}
TAKEN = {**CHOSEN, "dry_sequence_breakers": ("\n", "}"), "logit_bias": ((15, -100), (7, 2.5))}


def body_of(route: str, sampling: dict[str, Any]) -> dict[str, Any]:
    """A question with these choices: in a field of their own, or among OpenAI's."""
    if route == "Llama":
        return {"input_data": "안녕", "sampling": sampling}
    return {"messages": [{"role": "user", "content": "안녕"}], **sampling}


async def sampling_of(route: str, sampling: dict[str, Any]) -> Sampling:
    """What reached the model."""
    model = FakeModel()
    async with client_of(service_state(model=model)) as client:
        answer = await client.post(f"/office/{route}", json=body_of(route, sampling))
    assert answer.status_code == 200, answer.text
    return model.samplings[0]


async def test_there_is_a_value_for_each_field_here() -> None:
    assert set(CHOSEN) == set(SamplingRequest.model_fields)


@pytest.mark.parametrize("route", ["Llama", "v1/chat/completions"])
async def test_what_a_request_says_reaches_the_model(route: str) -> None:
    taken = await sampling_of(route, CHOSEN)
    assert {name: getattr(taken, name) for name in TAKEN} == TAKEN
    usual = await sampling_of(route, dict.fromkeys(CHOSEN))
    assert usual == await sampling_of(route, {})


@pytest.mark.parametrize("route", ["Llama", "v1/chat/completions"])
async def test_what_llama_server_takes_for_off_or_fresh_is_taken_so(route: str) -> None:
    taken = await sampling_of(route, {"top_k": -1, "seed": -1, "top_n_sigma": -1, "logit_bias": {}})
    # Sorting the whole vocabulary for one token would be at the cost of everybody else.
    assert taken.top_k == (await sampling_of(route, {"top_k": 0})).top_k
    assert (taken.top_k, taken.seed, taken.top_n_sigma, taken.logit_bias) == (1000, None, -1, ())


BAD: list[tuple[str, Any]] = [
    ("temperature", 2.1),
    ("temperature", "1"),
    ("top_p", 1.1),
    ("top_k", -2),
    ("top_k", 1001),
    ("top_k", 1.5),
    ("min_p", -0.1),
    ("min_p", True),
    ("typical_p", -0.1),
    ("xtc_probability", 1e300),
    ("repeat_penalty", 0),
    ("presence_penalty", 2.1),
    ("repeat_last_n", -2),
    ("dry_penalty_last_n", 10**30),
    ("dry_multiplier", -1),
    ("dry_base", 0.9),
    ("dry_sequence_breakers", "secret"),
    ("dry_sequence_breakers", ["secret"]),
    ("dry_sequence_breakers", ["a"]),
    ("dry_sequence_breakers", [""]),
    ("dry_sequence_breakers", ["\0"]),
    ("dry_sequence_breakers", ["\n"] * 9),
    ("logit_bias", [[1, 2]]),
    ("logit_bias", {"secret": 1}),
    ("logit_bias", {"-1": 1}),
    ("logit_bias", {"1": 101}),
    ("logit_bias", {"1": "secret"}),
    ("logit_bias", {str(token): 1 for token in range(MOST_BIASES + 1)}),
    ("seed", "secret"),
]


@pytest.mark.parametrize("route", ["Llama", "v1/chat/completions"])
async def test_what_is_out_of_bounds_is_refused_by_its_name(route: str) -> None:
    model = FakeModel()
    async with client_of(service_state(model=model)) as client:
        for name, value in BAD:
            answer = await client.post(f"/office/{route}", json=body_of(route, {name: value}))
            status = 422 if route == "Llama" else 400
            assert (answer.status_code, name in answer.text) == (status, True), (name, value)
            assert "secret" not in answer.text
    assert not model.samplings


@pytest.mark.parametrize(("asked", "taken"), [(7, 7), (None, 100), (5000, 100)])
async def test_an_answer_is_never_longer_than_the_service_lets_it_be(asked: int | None, taken: int) -> None:
    model = FakeModel()
    async with client_of(service_state(model=model, sampling=Sampling(max_tokens=100))) as client:
        body = {"input_data": "안녕", "sampling": {"max_tokens": asked, "temperature": 0.1}}
        assert (await client.post("/office/Llama", json=body)).status_code == 200
    assert (model.samplings[0].max_tokens, model.samplings[0].temperature) == (taken, 0.1)


@pytest.mark.parametrize("wrong", [0, -1, 32_769, 1.5, "5", True])
async def test_a_length_that_is_none_is_refused_by_its_name(wrong: object) -> None:
    async with client_of(service_state()) as client:
        answer = await client.post(
            "/office/Llama", json={"input_data": "안녕", "sampling": {"max_tokens": wrong}}
        )
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "sampling", "max_tokens"]
