"""Summaries of turns that are about to be cut from a room's prompts, made by its model while nobody waits.

A room is noted when a prompt and its answer fill most of what prompts may have. Once the model is idle, the
turns that the next cut will take are put before it with a question of ours, behind the prefix that it knows.
So the summary is there when they are cut. Where turns have been cut before, their summary stands in that
prompt, so that each builds on the one before. What is noted is in memory only: after a restart a room's next
turn notes it again.
"""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

from chatbot.core.context import RECALL_TURNS, recalled_chars
from chatbot.core.summary_parts import exchanges_of, framed, summary_parts
from chatbot.domain.errors import ChatbotError, GaveWay, NoFreeCells
from chatbot.domain.history import (
    SUMMARY_CHARS,
    HistoryUnavailable,
    PathSummary,
    Recalled,
    Recollection,
    Room,
)
from chatbot.domain.history_ports import ChatHistory
from chatbot.domain.language import Language
from chatbot.domain.messages import Conversation, Prompted, Sampling, Token
from chatbot.domain.models import IdleModel, NextCut
from chatbot.domain.token_estimate import estimate_tokens

_log = logging.getLogger(__name__)

FULL = 0.75
"""Share of what prompts may have from which on a room is noted: some turns before it is cut."""

QUIET_SECONDS = 3.0
"""How long nobody must have had a place: who reads an answer often asks on at once."""

TRIES = 8
"""How often a summary is begun or gone on with after it gave way; the room's next turn notes it again."""

MOST_ROOMS = 64
"""Rooms that may be noted; beyond that the oldest note is forgotten."""

_MOST_TOKENS = 300
_LEAST_TOKENS = 32
"""What a summary may have, and what is worth one, tokens."""

_SPARE = 8
"""Tokens by which a text may grow that is read again, in lines with marks before them."""

_SAMPLING = Sampling(temperature=0.2)

_ASK: dict[Language, str] = {
    "ko": "지금까지 나눈 대화를 나중에 이어 갈 수 있게 요약해 줘. 누가 무엇을 말하고 정했는지, 이름과 숫자와 "
    "약속을 빠뜨리지 말고, 대화에 나온 것만 한 문단으로 써. 인사나 설명 없이 요약만 써.",
    "en": "Summarise our conversation so far, so that it can be gone on with later: who said and decided "
    "what, with names, numbers and promises, and nothing that was not said. Write one paragraph, and nothing "
    "but the summary.",
}


@dataclass(frozen=True, slots=True)
class FilledRoom:
    """A room whose prompts are nearly full."""

    room: Room
    turn: UUID
    """Its turn that was stored last, where its path ends."""

    conversation: Conversation
    """What stood around the turns in its prompt."""

    language: Language
    """What the persona speaks."""

    korean_letters: bool
    """Whether its answers are held to their letters."""

    prompt_tokens: int
    """What its prompts may have."""


@dataclass(slots=True)
class _Draft:
    """A summary in the making."""

    turn: UUID
    """The last turn that it tells of."""
    text: str = ""


class SummaryWriter:
    """Writes the summaries of the rooms of one model, one at a time; ``work`` is to run for ever."""

    def __init__(self, history: ChatHistory, model: IdleModel, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._history = history
        self._model = model
        self._quiet_seconds = quiet_seconds
        self._noted: dict[Room, FilledRoom] = {}
        self._woken = asyncio.Event()

    def note(self, filled: FilledRoom) -> None:
        """Remember that the room may want a summary; what was noted of it before is forgotten."""
        self._noted.pop(filled.room, None)
        self._noted[filled.room] = filled
        if len(self._noted) > MOST_ROOMS:
            del self._noted[next(iter(self._noted))]
        self._woken.set()

    async def work(self) -> None:
        """Make the summaries of noted rooms, the newest note first."""
        while True:
            while not self._noted:
                self._woken.clear()
                await self._woken.wait()
            _, filled = self._noted.popitem()
            try:
                await self._summarise(filled)
            except (ChatbotError, HistoryUnavailable) as error:
                _log.info("summary_not_made", extra={"error": type(error).__name__})
            except Exception as error:  # noqa: BLE001 (the next room is to get its summary all the same)
                # The class alone: a message may hold what was said.
                _log.error("summary_failed", extra={"error": type(error).__name__})

    async def _summarise(self, filled: FilledRoom) -> None:
        draft: _Draft | None = None
        for _ in range(TRIES):
            await self._model.quiet(self._quiet_seconds)
            if filled.room in self._noted:
                # It went on meanwhile: what is noted now knows more.
                return
            chars = recalled_chars(filled.prompt_tokens)
            recollection = await self._history.recall(filled.room, RECALL_TURNS, filled.turn, chars)
            cut = await self._due(filled, recollection)
            if cut is None:
                return
            conversation = _conversation(filled, recollection, cut)
            last = next(turn.id for turn in recollection.turns if turn.index == cut.last)
            if draft is None or draft.turn != last:
                draft = _Draft(last)
            left = _most_tokens(cut, filled.language) - estimate_tokens(draft.text)
            try:
                if left > 0:
                    await self._write(draft, conversation, left, korean_letters=filled.korean_letters)
            except NoFreeCells:
                # Rooms leave the pool when others need it, so another try would find the same.
                return
            except GaveWay:
                continue
            await self._keep(filled.room, draft)
            return

    async def _due(self, filled: FilledRoom, recollection: Recollection) -> NextCut | None:
        """Where the room will be cut next, if no summary reaches as far and there is room for one."""
        if recollection.state is not Recalled.WHOLE or not recollection.turns:
            return None
        conversation = replace(
            filled.conversation,
            exchanges=exchanges_of(recollection.turns),
            summaries=summary_parts(recollection, filled.language),
        )
        cut = await self._model.next_cut(conversation)
        if cut is None or _most_tokens(cut, filled.language) < _LEAST_TOKENS:
            return None
        summarised = {one.turn for one in recollection.summaries}
        reach = max((turn.index for turn in recollection.turns if turn.id in summarised), default=0)
        return cut if reach < cut.last else None

    async def _write(
        self, draft: _Draft, conversation: Conversation, tokens: int, *, korean_letters: bool
    ) -> None:
        """Go on with the draft to its end; what there is of it stays when it gives way."""
        sampling = replace(_SAMPLING, max_tokens=tokens, korean_letters=korean_letters)
        asked = replace(conversation, begun=draft.text)
        async with aclosing(self._model.errand(asked, sampling)) as events:
            async for event in events:
                if isinstance(event, Prompted) and not event.report.kept_turns:
                    # With our question none of them fits: there would be nothing to tell.
                    draft.text = ""
                    return
                if isinstance(event, Token):
                    draft.text += event.text

    async def _keep(self, room: Room, draft: _Draft) -> None:
        text = draft.text.strip()[:SUMMARY_CHARS]
        if text:
            # What the user wrote, or took away, meanwhile stands: the store sees to it.
            summary = PathSummary(uuid4(), room, draft.turn, text, edited=False, created_at=datetime.now(UTC))
            await self._history.summaries.put(summary)


def _conversation(filled: FilledRoom, recollection: Recollection, cut: NextCut) -> Conversation:
    """The turns that are to be told of, as the room's prompts have them, and our question behind them.

    They begin behind what the summary tells that stands before them, so that no turn between is forgotten.
    """
    summaries = summary_parts(recollection, filled.language)
    told_before = max((one.upto for one in summaries if one.upto < cut.begins), default=cut.begins - 1)
    told = [turn for turn in recollection.turns if told_before < turn.index <= cut.last]
    return replace(
        filled.conversation,
        exchanges=exchanges_of(told),
        summaries=summaries,
        question=_ASK[filled.language],
        scene=(),
        facts=None,
        language=filled.language,
    )


def _most_tokens(cut: NextCut, language: Language) -> int:
    """What a summary may have so that it fits with its frame."""
    return min(_MOST_TOKENS, cut.room - estimate_tokens(framed(".", language)) - _SPARE)
