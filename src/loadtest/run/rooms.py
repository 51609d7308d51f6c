"""Deletes the conversations that a run left behind, user by user."""

import time
from concurrent.futures import ThreadPoolExecutor

import requests

from loadtest.plan.request import RunRequest
from loadtest.record.parts import RecordedRun

_AT_ONCE = 8
_SECONDS = 10.0
# A service that is gone after the run must not hold up the verdict user by user.
_SECONDS_IN_ALL = 60.0


def delete(request: RunRequest, run: RecordedRun) -> dict[str, int]:
    """Asks each service to forget each simulated user; returns how many were and how many could not be
    within a minute.
    """
    users = sorted({(attempt.test_type, attempt.user_id) for attempt in run.attempts})
    headers = {"Authorization": f"Bearer {request.api_key}"} if request.api_key else {}

    until = time.monotonic() + _SECONDS_IN_ALL

    def forget(pair: tuple[str, str]) -> bool:
        if time.monotonic() > until:
            return False
        service, user = pair
        url = f"{request.target}/{service}/rooms"
        with requests.Session() as session:
            session.trust_env = False
            try:
                return session.delete(url, params={"user_id": user}, headers=headers, timeout=_SECONDS).ok
            except requests.RequestException:
                return False

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        done = list(threads.map(forget, users))
    return {"forgotten": sum(done), "failed": len(done) - sum(done)}
