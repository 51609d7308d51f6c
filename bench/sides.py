"""The two sides of a comparison behind one interface: start, answer many at once, stop."""

import asyncio
import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
from bench.workloads import Ask

from chatbot.domain.config import EngineConfig
from chatbot.domain.messages import Conversation, Finished, Sampling, ServiceName, Token
from chatbot.domain.models import AdmissionRequest
from chatbot.llm.llama.engine_model import LlamaModel
from chatbot.llm.llama.pieces import Endings, Piece
from chatbot.scheduling.admission import Limits

CONTEXT = 16384


@dataclass
class Timing:
    """One answer: seconds from asking to its first token, gaps between tokens, tokens, and text."""

    first: float = 0.0
    gaps: list[float] = field(default_factory=list)
    tokens: int = 0
    text: str = ""


class Side(Protocol):
    """Something that answers."""

    name: str

    async def answer(self, asks: Sequence[Ask]) -> list[Timing]:
        """All of ``asks`` at once."""
        ...

    async def close(self) -> None:
        """Stop it."""
        ...


class _Raw:
    """A prompt format that passes the question through: both sides read the same text."""

    def pieces(self, conversation: Conversation) -> list[Piece]:
        """See PromptFormat."""
        return [Piece(conversation.question)]

    def endings(self, conversation: Conversation) -> Endings:  # noqa: ARG002 (the same for all)
        """No stops: both sides produce the number of tokens that is asked."""
        return Endings()


class _Meter:
    def __init__(self) -> None:
        self.sequences: list[int] = []

    def step(self, sequences: int, seconds: float) -> None:
        """See EngineMeter."""
        if seconds > 0:
            self.sequences.append(sequences)

    def preempted(self) -> None:
        """See EngineMeter."""

    def started(self, predicted: float, actual: float) -> None:
        """See EngineMeter."""


class Ours:
    """The engine in this process, without HTTP; end tokens are ignored, as the peer is told to."""

    name = "ours"

    def __init__(self, model: Path, users: int, threads: int) -> None:
        config = EngineConfig(
            model_path=model,
            name="bench",
            context_tokens=4096,
            pool_tokens=CONTEXT,
            parallel=users,
            threads=threads,
        )
        self.meter = _Meter()
        self.model = LlamaModel(config, Limits(10_000, 10_000), self.meter)
        self.decoding = 0.0

    async def open(self) -> "Ours":
        """Load, and take the clock's time of every decode."""
        self.model.start()
        await self.model.wait_ready()
        loaded = self.model._loaded.result()
        loaded.prompter._format = _Raw()
        loaded.engine._parts.vocabulary.end_tokens = frozenset()
        context = loaded.engine._stepper.context
        decode = context.decode

        def timed() -> None:
            begun = time.perf_counter()
            decode()
            self.decoding += time.perf_counter() - begun

        context.decode = timed  # type: ignore[method-assign]
        return self

    async def answer(self, asks: Sequence[Ask]) -> list[Timing]:
        """See Side."""
        return await asyncio.gather(*(self._one(ask) for ask in asks))

    async def _one(self, ask: Ask) -> Timing:
        timing, begun = Timing(), time.monotonic()
        request = AdmissionRequest(ServiceName.OFFICE, ask.user, begun, begun + 3600, 100, ask.tokens)
        place = self.model.reserve(request)
        last = begun
        async for event in place.generate(
            Conversation(system=(), question=ask.prompt), Sampling(max_tokens=ask.tokens)
        ):
            now = time.monotonic()
            if isinstance(event, Token):
                if timing.text:
                    timing.gaps.append(now - last)
                else:
                    timing.first = now - begun
                timing.text += event.text
                last = now
            elif isinstance(event, Finished):
                timing.tokens = event.usage.completion
        return timing

    async def close(self) -> None:
        """See Side."""
        await asyncio.to_thread(self.model.close)


class LlamaServer:
    """llama-server of the same commit with its best flags for this load."""

    name = "llama-server"

    def __init__(self, binary: Path, model: Path, users: int, threads: int, port: int) -> None:
        flags = ["-np", str(users), "-kvu", "--swa-full", "-c", str(CONTEXT), "-t", str(threads)]
        self._process = subprocess.Popen(
            [binary, "-m", model, "--host", "127.0.0.1", "--port", str(port), *flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        limits = httpx.Limits(max_connections=None)
        self._client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=600, limits=limits)

    async def open(self) -> "LlamaServer":
        """Wait until it answers."""
        for _ in range(600):
            try:
                if (await self._client.get("/health")).status_code == httpx.codes.OK:
                    return self
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.2)
        raise RuntimeError("llama-server did not start")

    async def answer(self, asks: Sequence[Ask]) -> list[Timing]:
        """See Side."""
        return await asyncio.gather(*(self._one(ask) for ask in asks))

    async def _one(self, ask: Ask) -> Timing:
        timing, begun = Timing(), time.monotonic()
        body = {
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
        last = begun
        async with self._client.stream("POST", "/completion", json=body) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: "):
                    continue
                event, now = json.loads(line[6:]), time.monotonic()
                if event.get("content"):
                    if timing.text:
                        timing.gaps.append(now - last)
                    else:
                        timing.first = now - begun
                    timing.text += event["content"]
                    last = now
                if event.get("stop"):
                    timing.tokens = event["tokens_predicted"]
        return timing

    async def close(self) -> None:
        """See Side."""
        await self._client.aclose()
        self._process.terminate()
        await asyncio.to_thread(self._process.wait)
