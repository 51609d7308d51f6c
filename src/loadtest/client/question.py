"""Asks one question until it is answered or given up: all its attempts are one logical request.

The record of an attempt's start is written before its request is sent, and its row before anything else
happens.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from loadtest.client.exchange import exchange
from loadtest.client.reply import ServiceReply
from loadtest.client.retry import wait_before_retry
from loadtest.plan.load import CLIENT_SECONDS
from loadtest.record import clock
from loadtest.record.recorder import Recorder
from loadtest.record.rows import Attempt, clean, microseconds

_NAP_SECONDS = 0.5
_STREAM = "text/event-stream"
_PLAIN = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionToSend:
    """One question of one user."""

    service: str
    """Whom it is for."""
    user_id: str
    """Who asks."""
    body: dict[str, Any]
    """What is sent."""
    character_name: str = ""
    """Who is to answer; "" where the service plays no character."""
    stream: bool = False
    """Whether the answer is to come as events."""
    intended_us: int | None = None
    """When an open-loop schedule wanted it sent, microseconds since 1970."""

    @property
    def endpoint(self) -> str:
        """The path that is asked."""
        return f"/{self.service}/Llama"


# Called after each attempt with its name, seconds, size and failure ("" for an answer or a refusal that
# will be tried again), so that a generator can show it.
Observer = Callable[[str, float, int, str], None]


class Client:
    """A user's connection to the services. `seconds`: how long it waits for an answer. `drain_left` gives the
    seconds left to finish once the run is ending.
    """

    def __init__(
        self,
        target: str,
        recorder: Recorder,
        *,
        api_key: str = "",
        seconds: float = CLIENT_SECONDS,
        observe: Observer = lambda *_: None,
        drain_left: Callable[[], float | None] = lambda: None,
        dice: random.Random | None = None,
    ) -> None:
        self._target = target.rstrip("/")
        self._recorder = recorder
        self._seconds = seconds
        self._observe = observe
        self._drain_left = drain_left
        self._dice = dice or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def ask(self, ask: QuestionToSend) -> ServiceReply:
        """Asks, waits as told after each 429 and asks again; returns the last reply."""
        question_id = self._recorder.next_question()
        began = time.perf_counter()
        retries = 0
        while True:
            reply, wait = self._attempt(ask, question_id, retries, began)
            if wait is None:
                return reply
            if not self._back_off(wait):
                self._recorder.gave_up(question_id)
                return reply
            retries += 1

    def _attempt(
        self, ask: QuestionToSend, question_id: str, retries: int, began: float
    ) -> tuple[ServiceReply, float | None]:
        attempt_id = f"{question_id}-{retries}"
        start_us = clock.now_us()
        opening = Attempt(
            user_id=ask.user_id,
            test_type=ask.service,
            endpoint=ask.endpoint,
            character_name=ask.character_name,
            status_code=0,
            duration_us=0,
            success=False,
            retry_count=retries,
            start_us=start_us,
        )
        self._recorder.start(
            attempt_id,
            question_id,
            start_us,
            {"user": ask.user_id, "endpoint": ask.endpoint, "retry": retries},
        )
        sent = time.perf_counter()
        try:
            headers = {
                **self._headers,
                "X-Request-Id": attempt_id,
                "X-Affinity": ask.user_id,
                "Accept": _STREAM if ask.stream else _PLAIN,
            }
            reply = exchange(self._target + ask.endpoint, ask.body, headers, self._seconds)
        except BaseException:
            cut = ServiceReply(
                failure="aborted_by_generator", error="the generator stopped before the answer"
            )
            self._record(opening, attempt_id, ask, cut, time.perf_counter() - sent, again=False)
            raise
        took = time.perf_counter() - sent
        wait = None
        if reply.failure == "refused_429":
            elapsed = time.perf_counter() - began
            wait = wait_before_retry(reply.retry_after, retries, elapsed, self._dice.random())
        self._record(opening, attempt_id, ask, reply, took, again=wait is not None)
        name = f"{ask.endpoint} [429]" if reply.failure == "refused_429" else ask.endpoint
        self._observe(name, took, reply.size, "" if wait is not None else reply.failure)
        return reply, wait

    def _record(
        self,
        opening: Attempt,
        attempt_id: str,
        ask: QuestionToSend,
        reply: ServiceReply,
        took: float,
        *,
        again: bool,
    ) -> None:
        answered = not reply.failure
        row = replace(
            opening,
            status_code=reply.status,
            duration_us=microseconds(took),
            success=answered,
            failure_reason=reply.failure,
            retry_after_us=None if reply.retry_after is None else microseconds(reply.retry_after),
            response_size=reply.size,
            is_retry=again,
            is_final_failure=not answered and not again,
            is_final_success=answered,
            error=clean(reply.error),
            process_us=None if reply.process is None else microseconds(reply.process),
        )
        extras = dict(reply.extras)
        extras["stream"] = ask.stream
        if reply.first_token is not None:
            extras["first_token"] = round(reply.first_token, 6)
        if ask.intended_us is not None and not opening.retry_count:
            extras["intended_us"] = ask.intended_us
        self._recorder.end(attempt_id, opening.start_us, row, extras)

    def _back_off(self, wait: float) -> bool:
        """Waits; False when the run ends before the wait would."""
        until = time.perf_counter() + wait
        while (left := until - time.perf_counter()) > 0:
            drain = self._drain_left()
            if drain is not None and left > drain:
                return False
            time.sleep(min(left, _NAP_SECONDS))
        return True
