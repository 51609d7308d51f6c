"""Where pods run, from which images, and how they are replaced."""

from typing import Any

import pytest
import yaml
from tests.chart.rendering import CHART, containers, manifests, of_kind, pod_specs

OWN = {
    "weight": 1,
    "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}},
}


def test_services_are_pinned_to_their_cards() -> None:
    deployments = of_kind(manifests(), "Deployment")
    for service, product in (("office", "2080"), ("character", "3060")):
        deployment = deployments[f"chat-chatbot-{service}"]["spec"]
        spec = deployment["template"]["spec"]
        required = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (term,) = required["nodeSelectorTerms"]
        card = f"NVIDIA-GeForce-RTX-{product}"
        expected = {"key": "nvidia.com/gpu.product", "operator": "In", "values": [card, f"{card}-SHARED"]}
        assert term["matchExpressions"] == [expected]
        assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1
        assert deployment["strategy"] == {"type": "Recreate"}


def test_a_node_selector_replaces_the_pin() -> None:
    values = {"services": {"office": {"nodeSelector": {"kubernetes.io/hostname": "gpu-1"}}}}
    spec = pod_specs(manifests(values))["Deployment/chat-chatbot-office"]
    assert "affinity" not in spec
    assert spec["nodeSelector"] == {"kubernetes.io/hostname": "gpu-1"}


@pytest.mark.parametrize(
    ("gpu", "replicas", "strategy"),
    [
        (True, 1, {"type": "Recreate"}),
        (True, 2, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
        (False, 1, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
    ],
)
def test_pods_are_replaced_as_their_cards_allow(gpu: bool, replicas: int, strategy: dict[str, Any]) -> None:
    objects = manifests({"services": {"office": {"gpu": {"enabled": gpu}, "replicas": replicas}}})
    assert of_kind(objects, "Deployment")["chat-chatbot-office"]["spec"]["strategy"] == strategy
    assert ("chat-chatbot-office" in of_kind(objects, "PodDisruptionBudget")) is (replicas > 1)


def test_several_pods_go_to_different_nodes_where_they_can() -> None:
    soft = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    objects = manifests({"services": {"office": {"replicas": 3}}, "gateway": {"replicas": 2}})
    specs = pod_specs(objects)
    for name in ("office", "gateway"):
        (constraint,) = specs[f"Deployment/chat-chatbot-{name}"]["topologySpreadConstraints"]
        assert constraint.items() >= soft.items()
        assert constraint["matchLabelKeys"] == ["pod-template-hash"], "an upgrade's pods count themselves"
        counted = of_kind(objects, "Deployment")[f"chat-chatbot-{name}"]["spec"]["selector"]
        assert constraint["labelSelector"] == counted
    own = {**soft, "topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}
    specs = pod_specs(manifests({"podDefaults": {"topologySpreadConstraints": [own]}}))
    assert specs["Deployment/chat-chatbot-office"]["topologySpreadConstraints"] == [own]
    assert "topologySpreadConstraints" not in pod_specs(manifests())["StatefulSet/chat-chatbot-history"]


ONCE = {"accessMode": "ReadWriteOnce"}
OVERLAP = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
ONE_BY_ONE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


@pytest.mark.parametrize(
    ("values", "office", "strategy"),
    [
        ({"history": {"mode": "sqlite"}}, {}, {"type": "Recreate"}),
        ({"storage": {"data": {**ONCE, "kind": "perService"}}}, {}, {"type": "Recreate"}),
        (
            {"storage": {"models": {"accessMode": "ReadWriteOncePod", "kind": "perService"}}},
            {},
            {"type": "Recreate"},
        ),
        ({"storage": {"libs": ONCE}}, {}, OVERLAP),
        (
            {"storage": {"libs": {**ONCE, "kind": "existing", "claimName": "x"}}, "libs": {"source": "pvc"}},
            {"replicas": 2},
            ONE_BY_ONE,
        ),
        ({"storage": {"models": {"kind": "perService"}}}, {}, OVERLAP),
        ({"storage": {"models": {**ONCE, "kind": "hostPath", "hostPath": "/x"}}}, {}, OVERLAP),
        ({"history": {"mode": "sqlite"}}, {"strategy": "RollingUpdate"}, OVERLAP),
    ],
)
def test_pods_overlap_where_two_may_have_what_they_mount(
    values: dict[str, Any], office: dict[str, Any], strategy: dict[str, Any]
) -> None:
    """Two processes on one SQLite file lose its rows; a volume for one node lets no pod of another start."""
    service = {"gpu": {"enabled": False}, **office}
    objects = manifests({**values, "services": {"office": service, "character": service}})
    assert of_kind(objects, "Deployment")["chat-chatbot-office"]["spec"]["strategy"] == strategy


@pytest.mark.parametrize(
    ("image", "reference"),
    [
        ({"tag": "x"}, "chatbot/office:x"),
        ({"digest": f"sha256:{'a' * 64}"}, f"chatbot/office@sha256:{'a' * 64}"),
        ({"tag": "x", "digest": f"sha256:{'a' * 64}"}, f"chatbot/office:x@sha256:{'a' * 64}"),
        ({"repository": "example.com:5000/o", "tag": "x"}, "example.com:5000/o:x"),
    ],
)
@pytest.mark.parametrize("part", ["office", "libs"])
def test_an_image_by_tag_or_digest(image: dict[str, str], reference: str, part: str) -> None:
    values: dict[str, Any] = {"libs": {"image": image}, "services": {"office": {"image": image}}}
    spec = pod_specs(manifests(values))["Deployment/chat-chatbot-office"]
    (found,) = [each["image"] for each in containers(spec) if each["name"] == part]
    assert found == reference.replace("office", part)


def test_a_rollout_has_not_failed_while_a_model_is_downloaded() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    spec = of_kind(manifests(), "Deployment")["chat-chatbot-office"]["spec"]
    start = spec["template"]["spec"]["containers"][0]["startupProbe"]
    loads = start["periodSeconds"] * start["failureThreshold"]
    assert loads == values["serviceDefaults"]["startupSeconds"]
    assert spec["progressDeadlineSeconds"] > values["models"]["deadlineSeconds"] + loads


@pytest.mark.parametrize(
    ("dashboard", "mode", "beside"),
    [(True, "ReadWriteOnce", True), (True, "ReadWriteMany", False), (False, "ReadWriteOnce", False)],
)
def test_who_shares_the_results_disk_is_best_on_one_node(dashboard: bool, mode: str, beside: bool) -> None:
    """Preferred, not required: a disk's class may let several nodes in all the same."""
    values = {
        "storage": {"results": {"accessMode": mode}},
        "loadTest": {
            "enabled": True,
            "dashboard": {"enabled": dashboard},
            "affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [OWN]}},
        },
    }
    specs = pod_specs(manifests(values))
    (job,) = [spec for name, spec in specs.items() if "-loadtest-" in name]
    own, *added = job["affinity"]["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert own == OWN
    assert len(added) == beside
    gateway = specs["Deployment/chat-chatbot-gateway"].get("affinity", {})
    for term in added:
        affinity = term["podAffinityTerm"]
        assert affinity["topologyKey"] == "kubernetes.io/hostname"
        assert affinity["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "gateway"
        assert gateway == {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": added}}
    assert bool(gateway) == beside
