"""A service that speaks the contract of the pages and does what a test tells it to.

Only the pages are real here. It stands in for the model and the history, so that refusals, waits, cuts of the
connection and oddly split bytes come exactly when a test wants them. Its rooms have no branches: those are
tested with the real rooms (real_suite).
"""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.domain.service_names import ServiceName
from chatbot.services.registry import SERVICES

REMEMBERED = SERVICES[ServiceName("character")].remembered

Script = Callable[[dict[str, Any]], AsyncIterator[bytes]]
Answer = Callable[["FakeService", Request, dict[str, Any]], Awaitable[Response]]


def frame(event: str, data: Any) -> bytes:
    """One event as the services send it."""
    return f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def done(**changes: Any) -> bytes:
    """A ``done`` event with plausible metadata."""
    data: dict[str, Any] = {
        "request_id": "0" * 32,
        "model": "Bllossom-8B",
        "db_id": None,
        "turn_id": str(uuid4()),
        "finish_reason": "stop",
        "usage": {"prompt_tokens": 120, "cached_tokens": 99, "completion_tokens": 48},
        "search_status": None,
        "sources": [],
        "history": "database",
        "timings_ms": {"queue": 10, "history": 2, "search": 0, "prefill": 90, "decode": 960, "total": 1063},
        "ai_generated": True,
    }
    return frame("done", {**data, **changes})


@dataclass
class FakeService:
    """What was asked and what to answer; ``answers`` are used one after another, the last one for good."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    rooms: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    models: list[dict[str, str]] = field(default_factory=lambda: [{"id": "Llama", "owned_by": "Bllossom-8B"}])
    unusable: list[dict[str, str]] = field(default_factory=list)
    left: int = 0
    page_size: int = 200
    summaries: list[dict[str, Any]] = field(default_factory=list)

    def store(
        self,
        db_id: str,
        question: str,
        answer: str,
        id_: str | None = None,
        asked_with: dict[str, Any] | None = None,
        turns_read: int | None = None,
    ) -> None:
        """Add a turn to a room; these rooms have no branches."""
        turns = self.rooms.setdefault(db_id, [])
        id_ = id_ or str(uuid4())
        turns.append(
            {
                "id": id_,
                "siblings": [id_],
                "finish_reason": "stop",
                "asked_with": asked_with,
                "turns_read": turns_read,
                "index": len(turns) + 1,
                "input_data": question,
                "output_data": answer,
                "model": "Bllossom-8B",
                "created_at": "2026-11-24T03:00:00+00:00",
            }
        )

    async def ask(self, request: Request) -> Response:
        """Answer a question by the next script."""
        body = json.loads(await request.body())
        self.asked.append({"alias": request.url.path.rpartition("/")[2], **body})
        self.headers.append(dict(request.headers))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(self, request, body)

    async def listed(self, request: Request) -> Response:
        """All rooms, or delete them."""
        if request.method == "DELETE":
            count = sum(map(len, self.rooms.values()))
            self.rooms.clear()
            return JSONResponse({"deleted": count})
        lines = [
            {
                "db_id": db_id,
                "title": turns[0]["input_data"][:60],
                "turns": len(turns),
                "updated_at": turns[-1]["created_at"],
                "pinned": False,
            }
            for db_id, turns in self.rooms.items()
        ]
        return JSONResponse({"rooms": lines})

    async def export(self, request: Request) -> Response:
        """All rooms as a download."""
        rooms = [{"db_id": db_id, "turns": turns} for db_id, turns in self.rooms.items()]
        user = request.query_params["user_id"]
        return JSONResponse({"service": "office", "user_id": user, "rooms": rooms})

    async def room(self, request: Request) -> Response:
        """One room, paged, or delete it."""
        db_id = request.path_params["db_id"]
        if db_id not in self.rooms:
            return JSONResponse({"detail": "그런 방이 없습니다."}, 404)
        if request.method == "DELETE":
            return JSONResponse({"deleted": len(self.rooms.pop(db_id))})
        after = int(request.query_params.get("after", "0"))
        rest = [turn for turn in self.rooms[db_id] if turn["index"] > after]
        page = rest[: self.page_size]
        more = page[-1]["index"] if len(rest) > len(page) else None
        found = {"summaries": self.summaries} if self.summaries else {}
        return JSONResponse({"db_id": db_id, "turns": page, "next_after": more, **found})

    async def summary(self, request: Request) -> Response:
        """Change or delete the summary that ends with a turn."""
        turn = request.path_params["turn"]
        if request.method == "DELETE":
            self.summaries = [each for each in self.summaries if each["turn"] != turn]
            return JSONResponse({"deleted": 1})
        text = json.loads(await request.body())["text"]
        for each in self.summaries:
            if each["turn"] == turn:
                each |= {"text": text, "edited": True}
        return JSONResponse({})

    async def known(self, _: Request) -> Response:
        """The models in OpenAI's form."""
        return JSONResponse({"object": "list", "data": self.models, "unusable": self.unusable})

    def routes(self, prefix: str) -> list[Route]:
        """The routes beside the pages."""
        return [
            Route(f"{prefix}/rooms", self.listed, methods=["GET", "DELETE"]),
            Route(f"{prefix}/rooms/export", self.export),
            Route(f"{prefix}/rooms/{{db_id}}", self.room, methods=["GET", "DELETE"]),
            Route(f"{prefix}/rooms/{{db_id}}/summaries/{{turn}}", self.summary, methods=["PUT", "DELETE"]),
            Route(f"{prefix}/v1/models", self.known),
            *(Route(f"{prefix}/{alias}", self.ask, methods=["POST"]) for alias in ("Llama", "gpt4.1")),
        ]


async def endless(_: dict[str, Any]) -> AsyncIterator[bytes]:
    """One token, then silence."""
    yield frame("token", {"text": "시작했지만"})
    await asyncio.sleep(30)


class Gate:
    """Where a script waits until the test, which runs in another thread, opens it."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def open(self) -> None:
        """Let the script go on."""
        self._event.set()

    async def passed(self) -> None:
        """Return once the gate is open."""
        while not self._event.is_set():
            await asyncio.sleep(0.01)


def stream(script: Script, db_id: str | None = None) -> Answer:
    """An event stream; a client that leaves is counted, a turn that is done is stored."""

    async def answer(service: FakeService, request: Request, body: dict[str, Any]) -> Response:
        room = body.get("db_id") or db_id or str(uuid4())

        async def chunks() -> AsyncIterator[bytes]:
            text = b""
            try:
                async for chunk in script(body):
                    text += chunk
                    yield chunk
            except (asyncio.CancelledError, GeneratorExit):
                service.left += 1
                raise
            ended = re.search(rb'event: done\n.*"turn_id": "([^"]+)"', text)
            if ended and body.get("user_id"):
                asked_with = {name: body[name] for name in REMEMBERED if name in body}
                service.store(room, body["input_data"], "저장된 답변", ended[1].decode(), asked_with or None)

        headers = {"X-Db-Id": room} if body.get("user_id") else {}
        return StreamingResponse(chunks(), media_type="text/event-stream", headers=headers)

    return answer


def text_answer(text: str, **changes: Any) -> Answer:
    """A plain answer in three tokens."""

    async def script(_: dict[str, Any]) -> AsyncIterator[bytes]:
        third = len(text) // 3 + 1
        for start in range(0, len(text), third):
            yield frame("token", {"text": text[start : start + third]})
        yield done(**changes)

    return stream(script)


def refuse(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    """A refusal."""

    async def answer(_: FakeService, __: Request, ___: dict[str, Any]) -> Response:
        return JSONResponse(body, status, headers)

    return answer


class Suite:
    """Both fake services behind one address; the pages' own application answers what they do not."""

    def __init__(self, pages: ASGIApp) -> None:
        self.office = FakeService()
        self.character = FakeService()
        routes = [*self.office.routes("/office"), *self.character.routes("/character")]
        self._fakes = Starlette(routes=routes)
        self._fakes.router.default = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        await self._fakes(scope, receive, send)
