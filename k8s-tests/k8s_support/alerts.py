"""When each alert must fire and when not: cases for `promtool test rules`."""

import re
from typing import Any

DAY = 86400
ENDS = "chatbot_openai_model_shutdown_timestamp_seconds"
ALERTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "ChatbotDown": ({}, {"chatbot_uptime_seconds": "0+60x150"}),
    "ChatbotFails": (
        {
            'chatbot_requests_total{service="office",outcome="failed"}': "0+3x150",
            'chatbot_requests_total{service="office",outcome="successful"}': "0+97x150",
        },
        {
            'chatbot_requests_total{service="office",outcome="failed"}': "0+1x150",
            'chatbot_requests_total{service="office",outcome="successful"}': "0+99x150",
        },
    ),
    "ChatbotRefuses": (
        {
            'chatbot_requests_total{service="office",outcome="refused"}': "0+30x150",
            'chatbot_requests_total{service="office",outcome="successful"}': "0+70x150",
        },
        {
            'chatbot_requests_total{service="office",outcome="refused"}': "0+10x150",
            'chatbot_requests_total{service="office",outcome="successful"}': "0+90x150",
        },
    ),
    "ChatbotSlow": (
        {
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="60"}': "0+90x150",
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="90"}': "0+100x150",
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="+Inf"}': "0+100x150",
        },
        {
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="60"}': "0+96x150",
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="90"}': "0+100x150",
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="+Inf"}': "0+100x150",
        },
    ),
    "ChatbotHistoryBehind": (
        {'chatbot_history_pending_turns{service="office"}': "1x150"},
        {'chatbot_history_pending_turns{service="office"}': "1x5 0x150"},
    ),
    "ChatbotModelEnds": (
        {f'{ENDS}{{alias="gpt4.1",model="gpt-4.1"}}': f"{20 * DAY}x150"},
        {f'{ENDS}{{alias="gpt4.1",model="gpt-4.1"}}': f"{60 * DAY}x150"},
    ),
    "ChatbotPreempts": (
        {'chatbot_preemptions_total{engine="model"}': "0+12x150"},
        {'chatbot_preemptions_total{engine="model"}': "0+3x150"},
    ),
}
"""By alert: series (a value a minute) after which it fires, and series after which it does not."""

LABELS = {
    "ChatbotModelEnds": {"alias": "gpt4.1", "model": "gpt-4.1"},
    "ChatbotPreempts": {"engine": "model"},
}
"""The labels that tell alerts of one name apart, where they are not the service."""


def rule_tests(rules: list[dict[str, Any]], namespace: str) -> dict[str, Any]:
    """What `promtool test rules` reads besides the rules: each alert once firing, once silent."""
    cases = []
    for rule in rules:
        for series, fires in zip(ALERTS[rule["alert"]], (True, False), strict=True):
            cases.append(
                {
                    "name": f"{rule['alert']} {'fires' if fires else 'is silent'}",
                    "interval": "1m",
                    "input_series": [
                        {"series": _within(name, namespace), "values": values}
                        for name, values in series.items()
                    ],
                    "alert_rule_test": [
                        {
                            "eval_time": "2h",
                            "alertname": rule["alert"],
                            "exp_alerts": _alerts(rule, namespace) if fires else [],
                        }
                    ],
                }
            )
    return {"evaluation_interval": "1m", "tests": cases}


def _within(series: str, namespace: str) -> str:
    name, _, labels = series.partition("{")
    inside = ",".join(
        filter(None, [labels.removesuffix("}"), f'namespace="{namespace}"', 'pod="chat-chatbot-office-0"'])
    )
    return f"{name}{{{inside}}}"


def _alerts(rule: dict[str, Any], namespace: str) -> list[dict[str, Any]]:
    absent = rule["expr"].startswith("absent")
    labels = {"namespace": namespace} if absent else LABELS.get(rule["alert"], {"service": "office"})
    told = {
        name: re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels[found[1]], text)
        for name, text in rule["annotations"].items()
    }
    return [{"exp_labels": {**rule["labels"], **labels}, "exp_annotations": told}]
