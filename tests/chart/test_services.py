"""A service is one block of values: what it leaves out comes from serviceDefaults, what it says wins."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from starlette.datastructures import Headers
from tests.chart.rendering import (
    NOTES,
    environment,
    example,
    manifests,
    merge,
    of_kind,
    pod_specs,
    refusal,
    templates,
)

from chatbot.api.notfound import not_found
from chatbot.domain.service_names import RESERVED_NAMES

ROOT = Path(__file__).parents[2]
CPU = {"gpu": {"enabled": False}}
TUTOR: dict[str, Any] = {"services": {"tutor": {"port": 8004, "model": "bllossom-8b", **CPU}}}
EVERYTHING: dict[str, Any] = {
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]},
    "loadTest": {"enabled": True},
    "monitoring": {"podMonitor": {"enabled": True}},
    "storage": {"models": {"kind": "perService"}, "data": {"kind": "perService"}},
    "serviceDefaults": {"autoscaling": {"enabled": True, "minReplicas": 2}, "replicas": 2},
}


def deployment(values: dict[str, Any], service: str = "tutor") -> dict[str, Any]:
    return pod_specs(manifests(values))[f"Deployment/chat-chatbot-{service}"]


def pages_of_nginx(values: dict[str, Any]) -> dict[str, str]:
    """The gateway's 404 files as its nginx sends them: its sub_filters applied to the files of the image."""
    conf = of_kind(manifests(values), "ConfigMap")["chat-chatbot-gateway"]["data"]["nginx.conf"]
    filters = dict(re.findall(r"sub_filter '([^']+)' '([^']+)';", conf))
    assert len(filters) == 2
    found = {}
    for name in ("404.html", "404.json", "404.en.json", "503.html"):
        text = (ROOT / "src/chatbot/pages" / name).read_text(encoding="utf-8")
        for mark, names in filters.items():
            text = text.replace(mark, names, 1)
        found[name] = text
    return found


def test_a_further_service_is_everywhere_by_one_block() -> None:
    values = merge(EVERYTHING, TUTOR)
    objects = manifests(values)
    named = {f"{found['kind']}/{found['metadata']['name']}" for found in objects}
    own = ("Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget", "ScaledObject")
    assert {f"{kind}/chat-chatbot-tutor" for kind in own} <= named
    claims = {f"PersistentVolumeClaim/chat-chatbot-{purpose}-tutor" for purpose in ("models", "data")}
    assert claims <= named
    assert any(name.startswith("Job/chat-chatbot-models-tutor-") for name in named)
    texts = templates(values)
    for part in (
        "gateway/configmap.yaml",
        "monitoring/monitors.yaml",
        "routes/httproute.yaml",
        "routes/ingress.yaml",
        "tests/suite.yaml",
        "loadtest/job.yaml",
    ):
        assert "tutor" in texts[f"chatbot/templates/{part}"], part
    assert "/tutor/" in texts[NOTES]
    for policy in ("gateway", "history", "test", "loadtest"):
        assert "tutor" in json.dumps(of_kind(objects, "NetworkPolicy")[f"chat-chatbot-{policy}"]), policy


@pytest.mark.parametrize("name", ["office", "character"])
def test_nothing_of_a_service_that_is_off_is_rendered(name: str) -> None:
    values = merge(EVERYTHING, {"services": {name: {"enabled": False}}})
    texts = {path: text for path, text in templates(values).items() if "dashboard" not in path}
    assert [path for path, text in texts.items() if re.search(rf"[/-]{name}\b", text)] == []


def test_a_service_without_an_image_runs_the_base_image_with_its_name() -> None:
    (container,) = deployment(merge(TUTOR, {"serviceDefaults": {"image": {"tag": "x"}}}))["containers"]
    assert (container["name"], container["image"], container["args"]) == (
        "tutor",
        "chatbot/base:x",
        ["tutor"],
    )
    assert environment({"containers": [container]})["CHATBOT_TUTOR__PORT"] == "8004"


def test_an_empty_block_is_enough() -> None:
    (container,) = deployment({"services": {"tutor": {}}})["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": 8000}]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": 1}


def test_a_digest_is_not_inherited_by_an_image_of_another_repository() -> None:
    base = {"serviceDefaults": {"image": {"tag": "x", "digest": f"sha256:{'a' * 64}"}}}
    values = merge(TUTOR, base)
    assert deployment(values)["containers"][0]["image"] == f"chatbot/base:x@sha256:{'a' * 64}"
    assert deployment(values, "office")["containers"][0]["image"] == "chatbot/office:x"


FALSY: dict[str, tuple[dict[str, Any], dict[str, Any], str, Any]] = {
    "false": ({"gpu": {"enabled": True}}, {"gpu": {"enabled": False}}, "resources.limits", None),
    "0": ({"sampling": {"temperature": 0.9}}, {"sampling": {"temperature": 0}}, "TEMPERATURE", "0"),
    "an empty text": ({"priorityClassName": "x"}, {"priorityClassName": ""}, "priorityClassName", None),
    "an empty list": ({"gpu": {"products": ["x"]}}, {"gpu": {"products": []}}, "affinity", None),
    "null for a list": ({}, {"tolerations": None}, "tolerations", None),
    "null for a map": ({"nodeSelector": {"a": "b"}}, {"nodeSelector": None}, "nodeSelector", None),
    "null for an affinity": ({"affinity": {"podAffinity": {}}}, {"affinity": None}, "affinity", None),
    "null within a map": (
        {"resources": {"limits": {"memory": "1Gi"}}},
        {"resources": {"limits": None}},
        "resources.limits",
        None,
    ),
}


@pytest.mark.parametrize("service", ["tutor", "office"])
@pytest.mark.parametrize(("default", "own", "path", "expected"), FALSY.values(), ids=FALSY.keys())
def test_what_a_service_says_wins_even_when_it_says_nothing(
    default: dict[str, Any], own: dict[str, Any], path: str, expected: Any, service: str
) -> None:
    cpu = {"gpu": {"enabled": False, "products": []}} if "gpu" not in own else {}
    values = merge(
        {"serviceDefaults": default, "services": {"tutor": {}}}, {"services": {service: merge(cpu, own)}}
    )
    spec = deployment(values, service)
    if path.isupper():
        assert environment(spec)[f"CHATBOT_{service.upper()}__{path}"] == expected
    elif path.startswith("resources."):
        assert spec["containers"][0]["resources"].get("limits") == expected
    else:
        assert spec.get(path) == expected


def test_maps_are_joined_key_by_key() -> None:
    values = {
        "serviceDefaults": {"env": {"A": "1", "B": "1"}, **CPU},
        "services": {"office": {"env": {"B": "2"}}, "tutor": {"gpu": {"memoryMiB": 1}}},
    }
    env = environment(deployment(values, "office"))
    assert (env["A"], env["B"]) == ("1", "2")
    assert "limits" not in deployment(values)["containers"][0]["resources"]


def test_the_longest_name_still_makes_valid_and_different_names() -> None:
    services = {"a" * 20: dict(CPU), "a" * 19 + "b": dict(CPU)}
    values = merge(EVERYTHING, {"fullnameOverride": "r" * 36, "services": services})
    objects = manifests(values)
    names = [f"{found['kind']}/{found['metadata']['name']}" for found in objects]
    assert len(set(names)) == len(names)
    assert max(len(name) for name in of_kind(objects, "Job")) <= 63
    assert max(len(name) for name in of_kind(objects, "Service")) <= 63


def test_both_gateways_send_the_same_404() -> None:
    sent = pages_of_nginx(TUTOR)
    services = ["office", "tutor", "character"]
    for name, accept, language in (
        ("404.html", "text/html", "ko"),
        ("404.json", "*/*", "ko"),
        ("404.en.json", "*/*", "en"),
    ):
        ours = not_found(Headers({"accept": accept, "accept-language": language}), services)
        assert bytes(ours.body).decode() == sent[name]
    assert json.loads(sent["404.json"])["services"] == sorted(services)
    assert "/tutor/docs" in sent["503.html"]
    assert "/office/" not in pages_of_nginx({"services": {"office": {"enabled": False}}})["404.html"]


def test_the_former_charts_values_render_what_the_defaults_render() -> None:
    former = yaml.safe_load((ROOT / "tests/chart/former_services.yaml").read_text())
    assert former["services"]["office"]["path"] == "/office"
    assert manifests(former) == manifests()


def test_another_path_is_refused_with_the_fix() -> None:
    assert "services.office.path is /x, but" in refusal({"services": {"office": {"path": "/x"}}})


def test_values_of_the_former_chart_reused_are_refused_with_the_fix() -> None:
    """--reuse-values takes the former chart's defaults, which have no serviceDefaults or no podDefaults."""
    assert "use --reset-then-reuse-values" in refusal({"serviceDefaults": None})
    later = ("podDefaults", "serviceAccount", "caBundle", "proxy", "commonLabels", "extraObjects")
    assert "use --reset-then-reuse-values" in refusal(dict.fromkeys(later))


@pytest.mark.parametrize("name", ["access", "backup", "backups", "both", "version"])
def test_a_name_that_the_suite_reserves_is_refused(name: str) -> None:
    """The sentence names the chart's whole list, which is the suite's."""
    said = refusal({"services": {name: dict(CPU)}})
    assert f"services.{name}: no service can have this name" in said
    assert f"reserved are {', '.join(sorted(RESERVED_NAMES))}\n" in f"{said}\n"


@pytest.mark.parametrize("name", ["Tutor", "2tutor", "my-tutor", "t" * 21])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    assert "'/services'" in refusal({"services": {name: dict(CPU)}})


def test_the_examples_need_no_service_by_name() -> None:
    """A further service beside each example renders."""
    for name in ("", "development", "one-machine-cpu", "kind"):
        values = merge(example(name), {"services": {"tutor": {"model": "bllossom-8b", **CPU}}})
        if name == "kind":
            values = merge(
                values, {"storage": {kind: {"accessMode": "ReadWriteMany"} for kind in ("models", "data")}}
            )
        assert "Deployment/chat-chatbot-tutor" in pod_specs(manifests(values))
