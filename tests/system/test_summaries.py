"""A room that goes on for long, on SQLite with a real model: its turns are summed up before they are cut."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from tests.system.running_suite import RunningSuite, running_suite

pytestmark = [pytest.mark.real_model, pytest.mark.slow, pytest.mark.timeout(600)]

USER = {"user_id": "u"}
LIMIT = 512
SETTINGS = {
    "CHATBOT_OFFICE__SUMMARIES": "true",
    "CHATBOT_OFFICE__CONTEXT_TOKENS": "1024",
    "CHATBOT_OFFICE__MAX_TOKENS": "40",
    "CHATBOT_OFFICE__POOL_TOKENS": "4096",
    "CHATBOT_CHARACTER__CONTEXT_TOKENS": "1024",
    "CHATBOT_CHARACTER__POOL_TOKENS": "4096",
}


class Talk:
    """One room of a running suite."""

    def __init__(self, suite: RunningSuite, db_id: str) -> None:
        self._office = suite.office
        self._db_id = db_id
        self.turns: list[str] = []
        self.report: dict[str, Any] = {}

    def ask(self) -> None:
        number = len(self.turns) + 1
        text = f"{number}번째 손님 김민수 씨는 부산으로 가는 표를 {number + 1}장 샀습니다. 기억해 주세요."
        body = {"input_data": text, "db_id": self._db_id, **USER}
        answer = httpx.post(
            f"{self._office}/office/Llama", json=body, headers={"X-Prompt-Report": "1"}, timeout=60
        )
        assert answer.status_code == 200, answer.text
        self.turns.append(answer.headers["x-turn-id"])
        self.report = httpx.Response(200, text=answer.headers["x-prompt-report"]).json()

    def read(self) -> dict[str, Any]:
        page: dict[str, Any] = httpx.get(
            f"{self._office}/office/rooms/{self._db_id}", params={**USER, "limit": 200}, timeout=60
        ).json()
        return page

    def summarised(self, seconds: float) -> bool:
        """Whether a summary is there within so many seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.read()["summaries"]:
                return True
            time.sleep(0.2)
        return False


def test_turns_are_summed_up_before_they_are_cut_and_no_kill_costs_a_turn(tmp_path: Path) -> None:
    db_id = str(uuid4())
    with running_suite(tmp_path, **SETTINGS) as suite:
        talk = Talk(suite, db_id)
        while sum(talk.report.get("tokens", {}).values()) < 0.75 * LIMIT:
            talk.ask()
            assert len(talk.turns) < 30
        assert not talk.report["cut_turns"], "nothing is cut yet"
        answers = suite.metric("chatbot_requests_total")
        assert talk.summarised(120), "nobody asked, so it was made"
        assert suite.metric("chatbot_requests_total") == answers, "it counts nowhere"
        (summary,) = talk.read()["summaries"]
        assert summary["text"].strip()
        assert summary["turn"] in talk.turns
        assert not summary["edited"]
        while "summary" not in talk.report["tokens"]:
            talk.ask()
            assert len(talk.turns) < 60
        assert max(talk.report["cut_turns"]) >= summary["index"]
        # What is noted now is lost with the process.
        talk.ask()
        suite.process.kill()
    known = talk.turns
    with running_suite(tmp_path, **SETTINGS) as suite:
        talk = Talk(suite, db_id)
        page = talk.read()
        assert [turn["id"] for turn in page["turns"]] == known
        assert summary in page["summaries"]
        talk.turns = list(known)
        talk.ask()
        assert "summary" in talk.report["tokens"]
        place = f"/office/rooms/{db_id}/turns/{known[0]}"
        gone = httpx.delete(f"{suite.office}{place}", params=USER)
        assert gone.json() == {"deleted": len(known) + 1}
        text = b"".join(path.read_bytes() for path in tmp_path.glob("history.sqlite3*"))
        assert summary["text"][:20].encode() not in text
