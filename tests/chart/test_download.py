"""Where the download Job runs: as the operator says, and where the pod that waits can mount its volume."""

from typing import Any

import pytest
from tests.chart.rendering import assert_valid, example, manifests, merge, pod_specs

CPU: dict[str, Any] = {"gpu": {"enabled": False}}
OWN: dict[str, Any] = {"storage": {"models": {"kind": "perService"}}}
ONCE: dict[str, Any] = {
    "storage": {name: {"kind": "perService", "accessMode": "ReadWriteOnce"} for name in ("models", "data")}
}
TAINT = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
BORNE = {"key": "disks", "operator": "Exists"}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def job(values: dict[str, Any], name: str = "-office") -> dict[str, Any]:
    """The spec of a download's pod; the name is empty for that of a shared volume."""
    objects = manifests(values)
    assert_valid(objects)
    specs = pod_specs(objects)
    (found,) = [
        spec for each, spec in specs.items() if each.rsplit("-", 1)[0] == f"Job/chat-chatbot-models{name}"
    ]
    return found


def beside(spec: dict[str, Any]) -> list[str]:
    """Components on whose node a pod has to run."""
    terms = spec.get("affinity", {}).get("podAffinity", {}).get(REQUIRED, [])
    assert {term["topologyKey"] for term in terms} <= {"kubernetes.io/hostname"}
    return [term["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] for term in terms]


def test_the_operators_word_for_the_download_stays_beside_the_services() -> None:
    zone: dict[str, Any] = {"preferredDuringSchedulingIgnoredDuringExecution": []}
    away = {"podAntiAffinity": zone}
    spec = job(merge(OWN, {"models": {"tolerations": [BORNE, TAINT], "affinity": away}}))
    assert spec["tolerations"] == [BORNE, TAINT]
    assert spec["affinity"]["podAntiAffinity"] == zone
    (term,) = spec["affinity"]["nodeAffinity"][REQUIRED]["nodeSelectorTerms"]
    assert term["matchExpressions"][0]["key"] == "nvidia.com/gpu.product"
    assert job(OWN)["tolerations"] == [TAINT]


def test_what_a_service_says_of_other_pods_is_not_said_of_its_download() -> None:
    apart = {"podAntiAffinity": {REQUIRED: [{"topologyKey": "kubernetes.io/hostname"}]}}
    affinity = {**apart, "podAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}
    spec = job(merge(OWN, {"services": {"office": {"affinity": affinity}}}))
    assert set(spec["affinity"]) == {"nodeAffinity"}


@pytest.mark.parametrize(
    ("values", "name", "where"),
    [
        (OWN, "-office", []),
        ({}, "", []),
        (ONCE, "-office", ["office"]),
        (merge(ONCE, {"serviceDefaults": CPU}), "-character", ["character"]),
        (example("one-host-two-cards"), "-character", ["character"]),
        (example("kind"), "", ["office"]),
        ({"storage": {"models": {"kind": "hostPath", "hostPath": "/x"}}}, "-office", ["office"]),
        (
            {
                "storage": {"models": {"kind": "hostPath", "hostPath": "/x"}},
                "services": {"office": {**CPU, "replicas": 2}},
            },
            "-office",
            [],
        ),
        # Only one pod at a time may mount it at all.
        (merge(ONCE, {"storage": {"models": {"accessMode": "ReadWriteOncePod"}}}), "-office", []),
    ],
)
def test_a_volume_of_one_node_is_filled_on_the_node_of_the_pod_that_waits(
    values: dict[str, Any], name: str, where: list[str]
) -> None:
    """It would come about on a node without the card, or be held by the one while the other waits for it."""
    assert beside(job(values, name)) == where


def test_the_engines_volume_of_one_node_is_filled_there_too() -> None:
    values = merge(
        example("kind"), {"libs": {"source": "pvc"}, "storage": {"libs": {"accessMode": "ReadWriteOnce"}}}
    )
    for libs, where in ((values, ["office"]), ({"libs": {"source": "pvc"}}, [])):
        (spec,) = [spec for name, spec in pod_specs(manifests(libs)).items() if "chatbot-libs-" in name]
        assert beside(spec) == where
        assert (TAINT in spec.get("tolerations", [])) is bool(where)


def test_the_download_bears_the_taints_of_the_node_it_has_to_run_on() -> None:
    assert job(example("kind"), "")["tolerations"] == [TAINT]
