"""When models end: a warning in the log long before an alias stops working.

The days known here are OpenAI's announcements; where upstream names days in its model list, those count.
"""

import logging
from collections.abc import Mapping
from datetime import date
from urllib.parse import urlsplit

from chatbot.domain.config import OpenAIConfig

_log = logging.getLogger(__name__)

WARN_DAYS = 90

ANNOUNCED = {
    "gpt-4.1-nano": date(2026, 10, 23),
    "gpt-4.1-mini": date(2027, 1, 14),
    "gpt-4.1": date(2027, 1, 14),
}


def shutdown_days(config: OpenAIConfig, named: Mapping[str, date]) -> dict[str, date]:
    """The day each alias's model ends, for the aliases where one is known; ``named`` by upstream wins."""
    host = urlsplit(config.base_url).hostname or ""
    announced = ANNOUNCED if host.endswith("openai.com") else {}
    days: dict[str, date] = {}
    for alias, profile in config.aliases.items():
        day = named.get(profile.model) or _of_snapshot(profile.model, announced)
        if day is not None:
            days[alias] = day
    return days


def _of_snapshot(model: str, days: Mapping[str, date]) -> date | None:
    """The day of a model or of a dated snapshot of it (gpt-4.1-2025-04-14)."""
    return next(
        (day for known, day in days.items() if model == known or model.startswith(f"{known}-20")), None
    )


def warn_of_shutdown(config: OpenAIConfig, days: Mapping[str, date], today: date) -> None:
    """Log a warning for each alias whose model ends within ``WARN_DAYS``, an error when it has ended."""
    for alias, day in days.items():
        left = (day - today).days
        fields = {
            "alias": alias,
            "model": config.aliases[alias].model,
            "shutdown": day.isoformat(),
            "days_left": left,
        }
        if left < 0:
            _log.error("openai_model_has_ended", extra=fields)
        elif left <= WARN_DAYS:
            _log.warning("openai_model_ends_soon", extra=fields)
