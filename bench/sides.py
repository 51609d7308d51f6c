"""The sides of a comparison: a server process each, asked over HTTP by the same client."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx
from bench.workloads import Ask, Script

POOL = 16384
"""KV cells of either side."""

_START_SECONDS = 300


@dataclass(frozen=True)
class Setup:
    """What both sides share."""

    model: Path
    users: int
    threads: int
    gpu_layers: int
    port: int


@dataclass
class Timing:
    """One answer: seconds from asking to its first token, gaps between tokens, tokens, and text."""

    first: float = 0.0
    gaps: list[float] = field(default_factory=list)
    tokens: int = 0
    text: str = ""


class Dialect(Protocol):
    """How one kind of server is started and asked for a given number of tokens."""

    name: str
    path: str

    def command(self, setup: Setup) -> Sequence[str | Path]:
        """What to run."""
        ...

    def environment(self, setup: Setup) -> Mapping[str, str]:
        """Variables of the process beside those that are there."""
        ...

    def body(self, ask: Ask) -> dict[str, Any]:
        """The request."""
        ...

    def read(self, event: dict[str, Any], ask: Ask) -> tuple[str, int | None]:
        """The text of one event and, with the last, the number of tokens produced."""
        ...


class Ours:
    """The product's application over its engine (bench.ours)."""

    name = "ours"
    path = "/office/v1/chat/completions"

    def command(self, setup: Setup) -> Sequence[str | Path]:
        """See Dialect."""
        return [sys.executable, "-m", "bench.ours", str(setup.port)]

    def environment(self, setup: Setup) -> Mapping[str, str]:
        """See Dialect."""
        return {
            "CHATBOT_OFFICE__MODEL": str(setup.model),
            "CHATBOT_OFFICE__POOL_TOKENS": str(POOL),
            "CHATBOT_OFFICE__PARALLEL": str(setup.users),
            "CHATBOT_OFFICE__THREADS": str(setup.threads),
            "CHATBOT_OFFICE__GPU_LAYERS": str(setup.gpu_layers),
            "CHATBOT_DATA_DIR": "/tmp/chatbot-bench",  # noqa: S108 (nothing is remembered there)
        }

    def body(self, ask: Ask) -> dict[str, Any]:
        """See Dialect."""
        return {
            "model": "Llama",
            "messages": [{"role": "user", "content": ask.prompt}],
            "user": ask.user,
            "max_tokens": ask.tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def read(self, event: dict[str, Any], ask: Ask) -> tuple[str, int | None]:  # noqa: ARG002 (see Dialect)
        """See Dialect."""
        text = "".join(choice["delta"].get("content", "") for choice in event["choices"])
        return text, event["usage"]["completion_tokens"] if "usage" in event else None


class FormerOurs(Ours):
    """A former state of the product: its own checkout, run by the same interpreter and libraries."""

    name = "former"

    def __init__(self, checkout: Path) -> None:
        self._checkout = checkout.resolve()

    def command(self, setup: Setup) -> Sequence[str | Path]:
        """See Dialect. By its path, since ``-m`` would find this checkout's file first."""
        return [sys.executable, self._checkout / "bench" / "ours.py", str(setup.port)]

    def environment(self, setup: Setup) -> Mapping[str, str]:
        """See Dialect."""
        path = f"{self._checkout}:{self._checkout / 'src'}:{os.environ.get('PYTHONPATH', '')}"
        data = "/tmp/chatbot-bench-former"  # noqa: S108 (nothing is remembered there)
        return {**super().environment(setup), "PYTHONPATH": path, "CHATBOT_DATA_DIR": data}


class LlamaServer:
    """llama-server of the same commit with its best flags for this load, and further ones."""

    name = "llama-server"
    path = "/completion"

    def __init__(self, binary: Path, further: Sequence[str] = ()) -> None:
        self._binary = binary
        self._further = further

    def command(self, setup: Setup) -> Sequence[str | Path]:
        """See Dialect."""
        layers = 999 if setup.gpu_layers < 0 else setup.gpu_layers
        flags = {"-np": setup.users, "-c": POOL, "-t": setup.threads, "-ngl": layers}
        numbers = [part for flag, value in flags.items() for part in (flag, str(value))]
        where = ["--host", "127.0.0.1", "--port", str(setup.port)]
        return [self._binary, "-m", setup.model, *where, "-kvu", "--swa-full", *numbers, *self._further]

    def environment(self, setup: Setup) -> Mapping[str, str]:  # noqa: ARG002 (see Dialect)
        """See Dialect."""
        return {}

    def body(self, ask: Ask) -> dict[str, Any]:
        """See Dialect."""
        return {
            "prompt": ask.prompt,
            "n_predict": ask.tokens,
            "ignore_eos": True,
            "stream": True,
            "cache_prompt": True,
            "temperature": 0.7,
            "top_k": 40,
            "top_p": 0.95,
            "min_p": 0.0,
            "repeat_penalty": 1.1,
        }

    def read(self, event: dict[str, Any], ask: Ask) -> tuple[str, int | None]:  # noqa: ARG002 (see Dialect)
        """See Dialect."""
        return event.get("content", ""), event["tokens_predicted"] if event.get("stop") else None


class LlamaCppServer:
    """The server that llama-cpp-python brings: one answer at a time."""

    name = "llama_cpp.server"
    path = "/v1/completions"

    def __init__(self, needs: Path, end_tokens: Sequence[int]) -> None:
        """``needs``: the folder of what it imports; ``end_tokens`` must not end an answer."""
        self._needs = needs
        self._bias = {str(token): -100.0 for token in end_tokens}

    def command(self, setup: Setup) -> Sequence[str | Path]:
        """See Dialect. Interrupting a running answer for the next, its default, would lose answers."""
        flags = {
            "--n_ctx": 4096,
            "--n_threads": setup.threads,
            "--n_gpu_layers": setup.gpu_layers,
            "--interrupt_requests": False,
            "--port": setup.port,
        }
        numbers = [part for flag, value in flags.items() for part in (flag, str(value))]
        return [
            sys.executable,
            "-m",
            "llama_cpp.server",
            "--model",
            setup.model,
            "--host",
            "127.0.0.1",
            *numbers,
        ]

    def environment(self, setup: Setup) -> Mapping[str, str]:  # noqa: ARG002 (see Dialect)
        """See Dialect."""
        return {"PYTHONPATH": str(self._needs)}

    def body(self, ask: Ask) -> dict[str, Any]:
        """See Dialect."""
        return {
            "prompt": ask.prompt,
            "max_tokens": ask.tokens,
            "stream": True,
            "temperature": 0.7,
            "top_k": 40,
            "top_p": 0.95,
            "min_p": 0.0,
            "repeat_penalty": 1.1,
            "logit_bias": self._bias,
        }

    def read(self, event: dict[str, Any], ask: Ask) -> tuple[str, int | None]:
        """See Dialect; it tells the length only as the reason of the end."""
        choice = event["choices"][0]
        return choice["text"], ask.tokens if choice["finish_reason"] == "length" else None


class Side:
    """A started server."""

    def __init__(self, dialect: Dialect, setup: Setup) -> None:
        self.name = dialect.name
        self._dialect = dialect
        self._log = Path(f"/tmp/bench-{dialect.name}.log")  # noqa: S108 (a log to look at after a failure)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                dialect.command(setup),
                env={**os.environ, **dialect.environment(setup)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        # While one side plays the other waits, and may close a kept connection just when it is used again.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        address = f"http://127.0.0.1:{setup.port}"
        self.client = httpx.AsyncClient(base_url=address, timeout=900, limits=limits)

    async def wait_ready(self) -> None:
        """Wait until it answers; one token alone may be white space, which is no text."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                await self._answer(Ask("user0", "1 2 3", 8))
            except (httpx.TransportError, httpx.HTTPStatusError):
                await asyncio.sleep(0.3)
            else:
                return
        raise RuntimeError(f"{self.name} did not start, see {self._log}")

    async def play(self, script: Script) -> list[Timing]:
        """All users at once, each with one question after another."""
        answered = await asyncio.gather(*(self._user(asks) for asks in script))
        return [timing for timings in answered for timing in timings]

    async def close(self) -> None:
        """Stop it."""
        await self.client.aclose()
        self._process.terminate()
        try:
            await asyncio.to_thread(self._process.wait, 20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    async def _user(self, asks: list[Ask]) -> list[Timing]:
        return [await self._answer(ask) for ask in asks]

    async def _answer(self, ask: Ask) -> Timing:
        timing, begun = Timing(), time.monotonic()
        last = begun
        dialect = self._dialect
        async with self.client.stream("POST", dialect.path, json=dialect.body(ask)) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                text, tokens = dialect.read(json.loads(line[6:]), ask)
                now = time.monotonic()
                if text and timing.text:
                    timing.gaps.append(now - last)
                elif text:
                    timing.first = now - begun
                if text:
                    timing.text += text
                    last = now
                timing.tokens = timing.tokens if tokens is None else tokens
        if timing.tokens != ask.tokens or not timing.text:
            raise RuntimeError(f"{self.name} produced {timing.tokens} of {ask.tokens} tokens")
        return timing
