"""From configuration to aliases, and the warning before a model ends."""

import asyncio
import json
import logging
import subprocess
import sys
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from tests.openai.upstream import KEY, config_for, error, opened
from tests.search.local_server import Response, running

from chatbot.adapters.prometheus import Metrics
from chatbot.domain.config import OpenAIAlias, OpenAIConfig
from chatbot.domain.errors import StartupError
from chatbot.llm.openai import opening
from chatbot.llm.openai.opening import open_openai
from chatbot.llm.openai.shutdown import shutdown_days, warn_of_shutdown

pytestmark = pytest.mark.anyio

DEFAULT = OpenAIConfig(api_key=SecretStr(KEY))


@pytest.mark.parametrize(
    "alias", ["Llama", "llama", "performance", "rooms", "v1", "docs", "", "a/b", "한글", ".x"]
)
def test_an_alias_that_hides_a_route_is_refused(alias: str) -> None:
    with pytest.raises(StartupError, match="ALIASES"):
        open_openai(OpenAIConfig(aliases={alias: OpenAIAlias(model="m")}))


@pytest.mark.parametrize("address", ["api.openai.com/v1", "ftp://x/", "http://", ""])
def test_an_unusable_address_is_refused(address: str) -> None:
    with pytest.raises(StartupError, match="BASE_URL"):
        open_openai(OpenAIConfig(base_url=address))


def test_a_key_with_odd_characters_is_refused_without_showing_it() -> None:
    with pytest.raises(StartupError) as caught:
        open_openai(OpenAIConfig(api_key=SecretStr("canary\n")))
    assert "canary" not in str(caught.value)


def test_opening_does_not_import_the_library() -> None:
    code = (
        "import sys; from pydantic import SecretStr; from chatbot.domain.config import OpenAIConfig;"
        "from chatbot.llm.openai.opening import open_openai;"
        "open_openai(OpenAIConfig(api_key=SecretStr('k'))); print('openai' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "False"


def test_known_ends_are_found_for_aliases_and_snapshots() -> None:
    config = OpenAIConfig(
        aliases={
            "a": OpenAIAlias(model="gpt-4.1"),
            "b": OpenAIAlias(model="gpt-4.1-mini-2025-04-14"),
            "c": OpenAIAlias(model="gpt-4.1-nano"),
            "d": OpenAIAlias(model="gpt-6"),
        }
    )
    end = date(2027, 1, 14)
    assert shutdown_days(config, {}) == {"a": end, "b": end, "c": date(2026, 10, 23)}
    named = {"gpt-6": date(2030, 1, 1), "gpt-4.1": date(2027, 2, 1)}
    assert shutdown_days(config, named)["a"] == date(2027, 2, 1)
    assert shutdown_days(config, named)["d"] == date(2030, 1, 1)
    elsewhere = config.model_copy(update={"base_url": "http://vllm.internal/v1"})
    assert shutdown_days(elsewhere, {}) == {}


@pytest.mark.parametrize(
    ("today", "level"),
    [
        (date(2026, 10, 1), None),
        (date(2026, 10, 16), logging.WARNING),
        (date(2027, 1, 14), logging.WARNING),
        (date(2027, 1, 15), logging.ERROR),
    ],
)
def test_the_warning_comes_ninety_days_before(
    today: date, level: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    warn_of_shutdown(DEFAULT, {"gpt4.1": date(2027, 1, 14)}, today)
    assert [record.levelno for record in caplog.records] == ([] if level is None else [level])


async def test_upstreams_own_dates_count_once_each(caplog: pytest.LogCaptureFixture) -> None:
    listing = {
        "object": "list",
        "data": [
            {
                "id": "gpt-4.1",
                "object": "model",
                "created": 1,
                "owned_by": "o",
                "shutdown_date": "2020-01-31",
            },
            {"id": "other", "object": "model", "created": 1, "owned_by": "o"},
        ],
    }
    async with (
        running(lambda _: Response(json.dumps(listing).encode())) as server,
        opened(config_for(server)) as models,
    ):
        assert models.shutdown_days == {}
        for _ in range(2):
            await models.check()
        assert models.shutdown_days == {"gpt": date(2020, 1, 31)}
    assert [request.path for request in server.requests] == ["/v1/models"] * 2
    assert [record.getMessage() for record in caplog.records] == ["openai_model_has_ended"]


async def test_the_end_of_a_model_is_a_metric_until_upstream_says_otherwise() -> None:
    listing: dict[str, Any] = {"object": "list", "data": [{"id": "m", "shutdown_date": "2027-01-14"}]}
    metrics = Metrics()

    def shown() -> list[tuple[dict[str, str], float]]:
        families = text_string_to_metric_families(metrics.page().decode())
        return [
            (sample.labels, sample.value)
            for family in families
            for sample in family.samples
            if sample.name == "chatbot_openai_model_shutdown_timestamp_seconds"
        ]

    async with running(lambda _: Response(json.dumps(listing).encode())) as server:
        config = config_for(server, a=OpenAIAlias(model="m"), b=OpenAIAlias(model="other"))
        models = open_openai(config, on_end=metrics.model_ends)
        assert shown() == []
        await models.check()
        midnight = datetime(2027, 1, 14, tzinfo=UTC).timestamp()
        assert shown() == [({"alias": "a", "model": "m"}, midnight)]
        listing["data"] = []
        await models.check()
        assert shown() == []
        await models.close()


async def test_a_long_life_is_warned_every_day(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listing = b'{"object": "list", "data": [{"id": "gpt-4.1", "shutdown_date": "2020-01-31"}]}'
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 2, 3, 3)]
    monkeypatch.setattr(opening, "datetime", SimpleNamespace(now=lambda _: days.pop(0)))
    monkeypatch.setattr(opening, "DAY_SECONDS", 0)
    async with running(lambda _: Response(listing)) as server, opened(config_for(server)) as models:
        checking = asyncio.create_task(models.keep_checking())
        with pytest.raises(IndexError):
            await checking
    assert [record.getMessage() for record in caplog.records] == ["openai_model_has_ended"] * 2


@pytest.mark.parametrize(
    "response",
    [
        error(401, None),
        Response(b"<html>"),
        Response(b'{"data": 3}'),
        Response(b'{"data": [{"shutdown_date": "soon"}]}'),
    ],
)
async def test_a_server_without_a_model_list_is_no_failure(
    response: Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with running(lambda _: response) as server, opened(config_for(server)) as models:
        await models.check()
        assert models.shutdown_days == {}
    assert "canary" not in caplog.text


async def test_without_a_key_nothing_is_warned_or_asked(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(OpenAIConfig()) as models:
        await models.check()
        assert models.shutdown_days == {}
    assert not caplog.records
