"""Two services more, each by one Python file: everything that follows from it, in the real product."""

import html
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.pages.conftest import Visitor
from tests.services.further import FILES, PACKAGE, command, copied, package_files, python
from tests.support.ports import held_ports
from tests.system.running_suite import RunningSuite, running_suite

from chatbot.services.registry import SERVICES

ALL = (*SERVICES, *FILES)
pytestmark = pytest.mark.slow
further = pytest.mark.parametrize("name", FILES)


@dataclass(frozen=True)
class Further:
    """A running suite with the further services."""

    suite: RunningSuite
    source: Path
    folder: Path
    own: dict[str, str]
    """Each further service's own address."""

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Ask the gateway."""
        return httpx.get(f"{self.suite.gateway}{path}", timeout=60, **options)

    def post(self, path: str, body: object, **options: Any) -> httpx.Response:
        """Ask the gateway a question."""
        return httpx.post(f"{self.suite.gateway}{path}", json=body, timeout=60, **options)

    def example(self, name: str) -> dict[str, Any]:
        """The body that the service's own description shows."""
        described = self.get(f"/{name}/openapi.json").json()
        schema = described["paths"][f"/{name}/Llama"]["post"]["requestBody"]["content"]["application/json"]
        body: dict[str, Any] = schema["schema"]["examples"][0]
        return body


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Further]:
    """Everything in one process, with an operator's persona files from before the further services."""
    folder = tmp_path_factory.mktemp("further")
    source = copied(folder)
    shutil.copytree(PACKAGE / "prompts", folder / "prompts")
    with held_ports(len(FILES)) as ports:
        settings = {
            f"CHATBOT_{name.upper()}__PORT": str(port) for name, port in zip(FILES, ports, strict=True)
        }
        settings |= {f"CHATBOT_{name.upper()}__MAX_TOKENS": "8" for name in ALL}
        data = folder / "data"
        data.mkdir()
        with running_suite(
            data, PYTHONPATH=str(source), CHATBOT_PROMPTS_DIR=str(folder / "prompts"), **settings
        ) as suite:
            own = {name: f"http://127.0.0.1:{port}" for name, port in zip(FILES, ports, strict=True)}
            yield Further(suite, source, data, own)


@further
def test_its_routes_answer_through_the_gateway_and_on_its_own_port(running: Further, name: str) -> None:
    body = running.example(name)
    plain = running.post(f"/{name}/Llama", body)
    assert plain.status_code == 200, plain.text
    assert isinstance(plain.json(), str)
    assert plain.headers["x-db-id"]
    streamed = running.post(f"/{name}/Llama", body, headers={"Accept": "text/event-stream"})
    assert "event: done" in streamed.text
    assert running.post(f"/{name}/Llama", {"input_data": ""}).status_code == 422
    assert running.post(f"/{name}/nobody", body).status_code == 400
    assert running.get(f"/{name}/performance").json()["successful_requests"] >= 2
    assert httpx.get(f"{running.own[name]}/readyz").json()["ready"] is True
    assert f'chatbot_requests_total{{outcome="successful",service="{name}"}}' in running_metrics(
        running, name
    )


def running_metrics(running: Further, name: str) -> str:
    """The metrics page of a further service."""
    return httpx.get(f"{running.own[name]}/metrics").text


@further
def test_its_documentation_names_it_and_has_an_example(running: Further, name: str) -> None:
    described = running.get(f"/{name}/openapi.json").json()
    assert described["info"]["title"] == f"chatbot {name}"
    assert {path.split("/")[1] for path in described["paths"]} == {name}
    for page in ("docs", "redoc"):
        assert f"{name} API" in running.get(f"/{name}/{page}").text


@further
def test_clients_of_openai_reach_it(running: Further, name: str) -> None:
    models = running.get(f"/{name}/v1/models").json()
    assert [model["id"] for model in models["data"]] == ["Llama"]
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "안녕하세요"}]
    answer = running.post(f"/{name}/v1/chat/completions", {"messages": messages})
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["role"] == "assistant"


@further
def test_its_chat_page_knows_its_title_and_the_way_to_every_other(running: Further, name: str) -> None:
    page = running.get(f"/{name}/").text
    facts = re.search(r'data-facts="([^"]*)"', page)
    assert facts is not None
    told = json.loads(html.unescape(facts[1]))
    assert told["service"] == name
    assert set(told["title"]) == {"ko", "en"}
    assert told["search"] is None
    assert [other["service"] for other in told["others"]] == [other for other in ALL if other != name]


def test_the_404_lists_every_service_of_the_process(running: Further) -> None:
    missing = running.get("/nowhere")
    assert missing.status_code == 404
    assert missing.json()["services"] == sorted(ALL)
    page = running.get("/nowhere", headers={"Accept": "text/html"}).text
    assert all(f'href="/{name}/"' in page for name in ALL)


FRAMES = """
import anyio, json
from tests.support.fakes import FakeModel, client_of, service_state
from chatbot.domain.service_names import ServiceName

async def main() -> None:
    for name in ("tutor", "story"):
        model = FakeModel()
        async with client_of(service_state(ServiceName(name), model)) as client:
            described = (await client.get(f"/{name}/openapi.json")).json()
            post = described["paths"][f"/{name}/Llama"]["post"]
            body = post["requestBody"]["content"]["application/json"]["schema"]["examples"][0]
            await client.post(f"/{name}/Llama", json=body)
            messages = [{"role": "system", "content": "항구."}, {"role": "user", "content": "누구세요?"}]
            body = {"messages": messages, "character_name": "미나"}
            await client.post(f"/{name}/v1/chat/completions", json=body)
            kept = {"name": "미나", "context": "등대지기.", "greeting": "왔네!"}
            answer = await client.post(f"/{name}/characters?user_id=u", json=kept)
            if answer.status_code == 200:
                named = {"character_id": answer.json()["id"], "tone": "dark"}
                body = {"input_data": "안녕", "user_id": "u", **named}
                await client.post(f"/{name}/Llama", json=body)
        for asked in model.conversations:
            parts = {part.name: part.text for part in asked.system}
            speakers = [asked.speakers.user, asked.speakers.assistant]
            print(json.dumps([parts, asked.question, asked.opening, speakers]))

anyio.run(main)
"""


def test_a_body_and_a_transcript_are_framed_by_its_own_service(running: Further, tmp_path: Path) -> None:
    done = python(running.source, FRAMES, tmp_path)
    assert done.returncode == 0, done.stderr
    native_tutor, tutor, native_story, story, kept = map(json.loads, done.stdout.splitlines())
    rules = native_tutor[0]["rules"]
    assert rules.startswith("당신은 참을성 있는 AI 선생님입니다.")
    assert native_tutor == [{"rules": rules}, "분수로 나눌 때 왜 뒤집어 곱하나요?", None, ["학생", "선생님"]]
    assert tutor == [{"rules": rules}, "항구.\n\n누구세요?", None, ["학생", "선생님"]]
    said = {"rules": "이야기꾼입니다.", "context": "해설자: 안개 낀 항구 도시.", "dark": "어둡게 들려줍니다."}
    assert native_story == [said, "문을 연다.", "낡은 문 앞에 섰습니다.", ["모험가", "해설자"]]
    told = {"rules": "이야기꾼입니다.", "context": "미나: 항구."}
    assert story == [told, "누구세요?", None, ["모험가", "미나"]]
    # Its users keep characters too, without a word of that in any other file.
    said = {"rules": "이야기꾼입니다.", "context": "미나: 등대지기.", "dark": "어둡게 들려줍니다."}
    assert kept == [said, "안녕", "왔네!", ["모험가", "미나"]]


def test_its_settings_and_its_command_are_there(running: Further, tmp_path: Path) -> None:
    listed = command(running.source, tmp_path, "settings").stdout
    office = set(re.findall(r"^CHATBOT_OFFICE__(\w+)=", listed, re.MULTILINE))
    for name, port in (("TUTOR", 8004), ("STORY", 8005)):
        assert set(re.findall(rf"^CHATBOT_{name}__(\w+)=", listed, re.MULTILINE)) == office
        assert f"CHATBOT_{name}__PORT={port}\n" in listed
    example = command(running.source, tmp_path, "settings", "--example").stdout
    assert "# CHATBOT_STORY__PORT=8005\n" in example
    assert "Start the tutor service alone" in command(running.source, tmp_path, "--help").stdout
    checked = command(running.source, tmp_path, "prompts", "check").stdout
    assert "tutor: packaged" in checked


def test_doctor_speaks_of_it(running: Further, tmp_path: Path) -> None:
    said = command(running.source, tmp_path, "doctor").stdout
    assert [name for name in ALL if f"{name}: " in said] == list(ALL)
    said = command(running.source, tmp_path, "doctor", "tutor").stdout
    assert [name for name in ALL if f"{name}: " in said] == ["tutor"]


def test_its_rooms_are_kept_exported_deleted_and_imported(running: Further, tmp_path: Path) -> None:
    for name in FILES:
        asked = running.post(f"/{name}/Llama", {**running.example(name), "user_id": "mover", "db_id": None})
        assert asked.status_code == 200, asked.text
        rooms = running.get(f"/{name}/rooms", params={"user_id": "mover"}).json()["rooms"]
        assert [room["turns"] for room in rooms] == [1]
    file = tmp_path / "rooms.jsonl"

    def history(*arguments: str, source: Path = running.source) -> str:
        done = command(source, running.folder, "history", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "exported 2 turns" in history("export", "--user", "mover", "-o", str(file))
    assert "exported 1 turns" in history("export", "--user", "mover", "--service", "story")
    # The files are gone, the conversations are not.
    without = copied(tmp_path / "without", {})
    assert "exported 2 turns" in history("export", "--user", "mover", source=without)
    assert "exported 1 turns" in history("export", "--user", "mover", "--service", "tutor", source=without)
    assert "deleted 1 turns" in history("delete", "--user", "mover", "--service", "tutor", "--yes")
    assert "deleted 1 turns" in history("delete", "--user", "mover", "--yes", source=without)
    assert running.get("/story/rooms", params={"user_id": "mover"}).json()["rooms"] == []
    assert "2 rooms: imported 2 turns" in history("import", str(file))
    assert len(running.get("/tutor/rooms", params={"user_id": "mover"}).json()["rooms"]) == 1
    wrong = command(without, running.folder, "history", "export", "--user", "mover", "--service", "ofice")
    assert wrong.returncode == 1
    assert "there is no service ofice: --service takes office, character" in wrong.stderr


@pytest.mark.browser
def test_a_browser_asks_each_of_them_in_its_own_fields(running: Further, browser: Browser) -> None:
    context = browser.new_context(locale="ko-KR")
    visitor = Visitor(context, running.suite.gateway)
    page = visitor.open("/tutor/")
    expect(page.locator("#service-name")).to_have_text("과외 선생님")
    expect(page.locator("#search-chip")).to_be_hidden()
    expect(page.locator("#edit-character")).to_be_hidden()
    expect(page.locator(".welcome p")).to_have_text("모르는 것을 물어보세요.")
    expect(page.locator(".suggestion")).to_have_count(0)
    visitor.ask(page, "왜 그런가요?")
    expect(page.locator(".facts")).to_have_count(1)
    page.get_by_role("link", name="이야기 열기").click()
    expect(page.locator("#edit-character")).to_be_visible()
    with page.expect_request(lambda request: request.method == "POST") as asked:
        visitor.ask(page, "문을 연다.")
    body = json.loads(asked.value.post_data or "")
    assert {"teller", "first_line", "world"} < set(body)
    assert "character_name" not in body
    expect(page.locator(".facts")).to_have_count(1)
    page.get_by_role("link", name="업무 도우미 열기").click()
    expect(page.locator("#search-chip")).to_be_visible()
    context.close()
    assert visitor.problems == []
    assert visitor.foreign == []


def test_taking_the_files_away_leaves_every_other_as_it_was(running: Further) -> None:
    now = package_files(running.source / "chatbot")
    for name in FILES:
        del now[f"services/{name}.py"]
    assert now == package_files(PACKAGE)
