"""API keys: their file and commands, what each owns, and how many of its questions may be under way."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from tests.support.fakes import FakeModel, client_of, service_state
from tests.support.serving import serving
from typer.testing import CliRunner

from chatbot.adapters.key_file import read_entries
from chatbot.adapters.key_watch import open_keys
from chatbot.api.app import create_app
from chatbot.domain.access import KeyEntry, KeyRing, digest
from chatbot.domain.errors import Overloaded, StartupError
from chatbot.domain.messages import Token
from chatbot.domain.telemetry import Outcome
from chatbot.server.commands.keys import app

pytestmark = pytest.mark.anyio

FRONT = {"Authorization": "Bearer right"}
SLOW = (0.4, Token("안녕"))


def ring(limit: int | None, *users: str) -> KeyRing:
    return KeyRing([KeyEntry(name="front", sha256=digest("right"), users=users or ("*",), limit=limit)])


def test_a_key_is_made_listed_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "keys.json"
    monkeypatch.setenv("CHATBOT_ACCESS__KEYS_FILE", str(path))
    run = CliRunner().invoke
    made = run(app, ["new", "front", "--user", "team-*", "--user", "kim", "--limit", "8"])
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert run(app, ["new", "second"]).exit_code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    assert key not in path.read_text()
    keys = open_keys(path)
    assert keys is not None
    entry = keys.find(key)
    assert entry is not None
    assert (entry.name, entry.users, entry.limit) == ("front", ("team-*", "kim"), 8)
    assert run(app, ["list"]).stdout.splitlines() == ["front\tteam-*, kim\t8\t-\t-", "second\t*\t-\t-\t-"]
    assert run(app, ["remove", "front"]).exit_code == 0
    assert [each.name for each in read_entries(path)] == ["second"]
    for wrong in (
        ["new", "second"],
        ["new", "two words"],
        ["new", "third", "--user", "a*b"],
        ["new", "third", "--expires", "2020-01-31"],
        ["remove", "front"],
    ):
        assert isinstance(run(app, wrong).exception, StartupError)
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        "[1]",
        "[" * 100_000,
        "\ud83d",
        '[{"name": "a"}]',
        json.dumps([{"name": "a", "sha256": "canary-not-a-hash", "users": ["*"]}]),
        json.dumps([{"name": "a", "sha256": digest("x"), "users": []}]),
        json.dumps([{"name": "a", "sha256": digest("x"), "users": ["a*b"]}]),
        json.dumps([{"name": "a", "sha256": digest("x"), "users": ["*", ""]}]),
        json.dumps([{"name": "a", "sha256": digest("x"), "users": ["*"], "expires": "soon"}]),
        json.dumps([{"name": "a", "sha256": digest("x"), "users": ["*"], "limit": 0}]),
        json.dumps([{"name": "a", "sha256": digest("x"), "users": ["*"]}] * 2),
    ],
)
def test_a_wrong_file_stops_the_start_and_opens_no_door(content: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content, errors="surrogatepass")
    with pytest.raises(StartupError) as error:
        open_keys(path)
    assert "canary" not in str(error.value)
    with pytest.raises(StartupError):
        open_keys(tmp_path / "absent.json")


async def test_all_users_of_a_key_share_its_limit_and_others_do_not_feel_it() -> None:
    keys = KeyRing(
        [
            KeyEntry(name="front", sha256=digest("right"), users=("*",), limit=2),
            KeyEntry(name="other", sha256=digest("other"), users=("*",)),
        ]
    )
    model = FakeModel(*SLOW)
    async with (
        serving(create_app(service_state(model=model, keys=keys, foreign={"gpt4.1": model}))) as url,
        httpx.AsyncClient(base_url=url) as client,
    ):

        async def ask(user: str, path: str = "/office/Llama", key: str = "right") -> httpx.Response:
            body = {"input_data": "안녕", "user_id": user}
            if path.endswith("completions"):
                body = {"messages": [{"role": "user", "content": "안녕"}], "user": user}  # type: ignore[dict-item]
            return await client.post(path, json=body, headers={"Authorization": f"Bearer {key}"})

        running = [asyncio.create_task(ask("a")), asyncio.create_task(ask("b", "/office/gpt4.1"))]
        while len(model.conversations) < 2:
            await asyncio.sleep(0.01)
        refused = [await ask("c"), await ask("a", "/office/v1/chat/completions")]
        other = await ask("c", key="other")
        answered = [answer.status_code for answer in await asyncio.gather(*running)]
        again = await ask("c")
    assert [answer.status_code for answer in refused] == [429, 429]
    body = refused[0].json()
    assert set(body) == {"detail", "retry_after", "queue_size"}
    assert refused[0].headers["retry-after"] == str(body["retry_after"])
    assert body["retry_after"] >= 1
    assert refused[1].json()["error"]["type"] == "rate_limit_error"
    assert (other.status_code, answered, again.status_code) == (200, [200, 200], 200)


@pytest.mark.parametrize("stream", [False, True])
async def test_whatever_ends_a_question_gives_its_share_back(stream: bool) -> None:
    model = FakeModel(ValueError("broken"))
    headers = {**FRONT, **({"Accept": "text/event-stream"} if stream else {})}
    async with client_of(service_state(model=model, keys=ring(1)), headers=headers) as client:
        body = {"input_data": "안녕"}
        assert (await client.post("/office/Llama", json=body)).status_code == 500
        model.script, model.refusal = (Token("예"),), Overloaded(3, 1, "queue")
        assert (await client.post("/office/Llama", json=body)).headers["retry-after"] == "3"
        model.refusal = None
        assert (await client.post("/office/Llama", json=body)).status_code == 200
        assert (await client.post("/office/gpt", json=body)).status_code == 400
        assert (await client.post("/office/Llama", json=body)).status_code == 200


async def test_the_wait_is_measured() -> None:
    state = service_state(model=FakeModel(*SLOW), keys=ring(1))
    for _ in range(3):
        state.chat.statistics.arrived()
    for seconds in (30.0, 50.0, 40.0):
        state.chat.statistics.ended(Outcome.SUCCESSFUL, asyncio.get_running_loop().time() - seconds)
    async with client_of(state, headers=FRONT) as client:
        asking = asyncio.create_task(client.post("/office/Llama", json={"input_data": "안녕"}))
        await asyncio.sleep(0.1)
        refused = await client.post("/office/Llama", json={"input_data": "안녕"})
        assert 38 <= int(refused.headers["retry-after"]) <= 42
        await asking
