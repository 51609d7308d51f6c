"""When each alert must fire and when not: cases for `promtool test rules`."""

from typing import Any

ALERTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "ChatbotDown": ({}, {"chatbot_uptime_seconds": "0+60x60"}),
    "ChatbotFails": (
        {
            'chatbot_requests_total{service="office",outcome="failed"}': "0+3x60",
            'chatbot_requests_total{service="office",outcome="successful"}': "0+97x60",
        },
        {
            'chatbot_requests_total{service="office",outcome="failed"}': "0+1x60",
            'chatbot_requests_total{service="office",outcome="successful"}': "0+99x60",
        },
    ),
    "ChatbotRefuses": (
        {
            'chatbot_requests_total{service="office",outcome="refused"}': "0+30x60",
            'chatbot_requests_total{service="office",outcome="successful"}': "0+70x60",
        },
        {
            'chatbot_requests_total{service="office",outcome="refused"}': "0+10x60",
            'chatbot_requests_total{service="office",outcome="successful"}': "0+90x60",
        },
    ),
    "ChatbotSlow": (
        {
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="60"}': "0+90x60",
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="90"}': "0+100x60",
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="+Inf"}': "0+100x60",
        },
        {
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="60"}': "0+96x60",
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="90"}': "0+100x60",
            'chatbot_time_to_first_token_seconds_bucket{service="office",le="+Inf"}': "0+100x60",
        },
    ),
    "ChatbotHistoryBehind": (
        {'chatbot_history_pending_turns{service="office"}': "1x60"},
        {'chatbot_history_pending_turns{service="office"}': "1x5 0x60"},
    ),
    "ChatbotPreempts": (
        {'chatbot_preemptions_total{engine="model"}': "0+12x60"},
        {'chatbot_preemptions_total{engine="model"}': "0+3x60"},
    ),
}
"""By alert: series (a value a minute) after which it fires, and series after which it does not."""

BY = {"ChatbotDown": "namespace", "ChatbotPreempts": "engine"}
"""The label that tells alerts of one name apart, where it is not the service."""


def rule_tests(rules: list[dict[str, Any]], namespace: str) -> dict[str, Any]:
    """The file for promtool, beside the rules that Prometheus reads."""
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
                            "eval_time": "45m",
                            "alertname": rule["alert"],
                            "exp_alerts": _alerts(rule, namespace) if fires else [],
                        }
                    ],
                }
            )
    return {"rule_files": ["/etc/prometheus/rules.yml"], "evaluation_interval": "1m", "tests": cases}


def _within(series: str, namespace: str) -> str:
    name, _, labels = series.partition("{")
    inside = ",".join(filter(None, [labels.removesuffix("}"), f'namespace="{namespace}"']))
    return f"{name}{{{inside}}}"


def _alerts(rule: dict[str, Any], namespace: str) -> list[dict[str, Any]]:
    label = BY.get(rule["alert"], "service")
    value = {"service": "office", "engine": "model", "namespace": namespace}[label]
    told = {
        name: text.replace(f"{{{{ $labels.{label} }}}}", value) for name, text in rule["annotations"].items()
    }
    return [{"exp_labels": {**rule["labels"], label: value}, "exp_annotations": told}]
