"""How a service gets its card: counted by the device plugin, or claimed by what it is."""

import shutil
from pathlib import Path
from typing import Any

import helm_python as helm
import pytest
import yaml
from tests.chart.rendering import (
    CHART,
    containers,
    example,
    manifests,
    merge,
    of_kind,
    pod_specs,
    refusal,
    templates,
)

DRA = {"serviceDefaults": {"gpu": {"source": "dra"}}}
OFFICE = "Deployment/chat-chatbot-office"


def office(**gpu: Any) -> dict[str, Any]:
    return merge(DRA, {"services": {"office": {"gpu": gpu}}})


def request(values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name of office's claim template, and what it asks for."""
    found = of_kind(manifests(values), "ResourceClaimTemplate")
    (name,) = [each for each in found if each.startswith("chat-chatbot-office-card-")]
    (asked,) = found[name]["spec"]["spec"]["devices"]["requests"]
    assert pod_specs(manifests(values))[OFFICE]["resourceClaims"] == [
        {"name": asked["name"], "resourceClaimTemplateName": name}
    ]
    return name, asked["exactly"]


def test_a_claimed_card_takes_the_place_of_the_counted_one() -> None:
    objects = manifests(DRA)
    counted, spec = pod_specs(manifests())[OFFICE], pod_specs(objects)[OFFICE]
    holders = [each["name"] for each in containers(spec) if "claims" in each["resources"]]
    assert holders == ["office"]
    assert spec["containers"][0]["resources"].get("limits") is None
    assert "affinity" not in spec
    assert spec["tolerations"] == counted["tolerations"]
    assert spec["initContainers"][0]["image"] == counted["initContainers"][0]["image"]
    assert of_kind(objects, "Deployment")["chat-chatbot-office"]["spec"]["strategy"] == {"type": "Recreate"}
    assert "adminAccess" not in yaml.safe_dump_all(objects)
    assert of_kind(manifests(), "ResourceClaimTemplate") == {}


def test_the_claim_names_product_and_memory() -> None:
    product = "device.attributes['gpu.nvidia.com'].productName.replace(' ', '-') in ['A100-SXM4-40GB', 'T4']"
    memory = "device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('16384Mi')) >= 0"
    _, asked = request(office(products=["A100-SXM4-40GB", "T4"], memoryMiB=16384))
    assert asked == {
        "deviceClassName": "gpu.nvidia.com",
        "selectors": [{"cel": {"expression": product}}, {"cel": {"expression": memory}}],
    }
    assert request(office(products=["A100-SXM4-40GB", "T4"], memoryMiB=0))[1]["selectors"] == [
        {"cel": {"expression": product}}
    ]
    assert request(office(products=[], memoryMiB=0))[1] == {"deviceClassName": "gpu.nvidia.com"}


def test_class_selectors_and_claim_can_be_the_operators_own() -> None:
    own = {"deviceClassName": "mig.nvidia.com", "selectors": ['device.attributes["x"].y == "z"']}
    assert request(office(dra=own))[1] == {
        "deviceClassName": "mig.nvidia.com",
        "selectors": [{"cel": {"expression": own["selectors"][0]}}],
    }
    objects = manifests(office(dra={"claim": {"resourceClaimName": "mine"}}))
    assert [name for name in of_kind(objects, "ResourceClaimTemplate") if "office" in name] == []
    assert pod_specs(objects)[OFFICE]["resourceClaims"] == [{"name": "card", "resourceClaimName": "mine"}]


def test_another_request_is_another_template() -> None:
    name, _ = request(DRA)
    assert request(merge(DRA, {"services": {"office": {"replicas": 2}}}))[0] == name
    assert request(office(memoryMiB=8000))[0] != name


def test_another_resource_replaces_the_whole_card() -> None:
    values = {"services": {"office": {"gpu": {"resourceName": "nvidia.com/mig-1g.10gb"}}}}
    spec = pod_specs(manifests(values))[OFFICE]
    assert spec["containers"][0]["resources"]["limits"] == {"nvidia.com/mig-1g.10gb": 1}


def test_the_example_needs_no_label_and_no_shared_volume() -> None:
    objects = manifests(example("one-host-two-cards"))
    assert len(of_kind(objects, "ResourceClaimTemplate")) == 2
    assert "nvidia.com/gpu.product" not in yaml.safe_dump_all(objects)
    claims = of_kind(objects, "PersistentVolumeClaim").values()
    assert {claim["spec"]["accessModes"][0] for claim in claims} == {"ReadWriteOnce"}


@pytest.mark.parametrize(
    ("service", "sentence"),
    [
        ({"gpu": {"resourceName": "amd.com/gpu"}}, "computes on NVIDIA cards or on the CPU"),
        ({"resources": {"limits": {"nvidia.com/gpu": 2}}}, "a service computes on one card"),
        ({"resources": {"requests": {"nvidia.com/mig-1g.10gb": 1}}}, "a service computes on one card"),
        ({"gpu": {"source": "dra", "resourceName": "nvidia.com/gpu.shared"}}, "gpu.dra.deviceClassName"),
    ],
)
def test_a_card_that_cannot_be_had_is_refused_with_the_fix(service: dict[str, Any], sentence: str) -> None:
    assert sentence in refusal({"services": {"office": service}})


FORMER = """
{{- $none := dict "Capabilities" (dict "APIVersions" (slice .Capabilities.APIVersions 0 0)) -}}
{{- $office := (include "chatbot.services" . | fromJson).office -}}
{{- include "chatbot.checks.card" (dict "root" $none "name" "office" "service" $office) -}}
"""
"""Checks the office's card for a cluster that serves nothing: a render offline takes no list of APIs."""


def test_a_cluster_without_the_api_is_refused_with_the_fix(tmp_path: Path) -> None:
    chart = tmp_path / "chatbot"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "former.yaml").write_text(FORMER)
    assert templates({}, chart), "the device plugin needs no such API"
    with pytest.raises(
        helm.HelmError, match=r"does not serve resource\.k8s\.io/v1 .* gpu\.source: devicePlugin"
    ):
        templates(DRA, chart)


@pytest.mark.parametrize(("memory", "refused"), [(4096, True), (8192, False)])
def test_a_claimed_card_has_to_hold_its_model_too(memory: int, refused: bool) -> None:
    said = refusal(office(memoryMiB=memory))
    assert ("services.office does not fit its card" in said) is refused
    assert refusal(office(memoryMiB=0)) == "", "nothing is known of the card"
