"""What makes the copies of conversations: which CronJobs, what they mount, what they may reach."""

from typing import Any

import pytest
from tests.chart.rendering import (
    assert_valid,
    environment,
    example,
    manifests,
    merge,
    of_kind,
    pod_specs,
    refusal,
)

ON: dict[str, Any] = {"backup": {"enabled": True}}
SQLITE = merge(ON, {"history": {"mode": "sqlite"}})
EXTERNAL = merge(
    ON,
    {
        "history": {
            "mode": "external",
            "external": {"secretName": "mongo", "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]}]},
        }
    },
)


def pods(values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Pod specs of the CronJobs by their name."""
    found = pod_specs(manifests(values))
    return {name.removeprefix("CronJob/"): found[name] for name in found if name.startswith("CronJob/")}


def policy(values: dict[str, Any], component: str) -> dict[str, Any]:
    """Spec of a component's NetworkPolicy."""
    found: dict[str, Any] = of_kind(manifests(values), "NetworkPolicy")[f"chat-chatbot-{component}"]["spec"]
    return found


def claims(spec: dict[str, Any]) -> dict[str, str]:
    """Claim by volume of a pod."""
    return {
        each["name"]: each["persistentVolumeClaim"]["claimName"]
        for each in spec["volumes"]
        if "persistentVolumeClaim" in each
    }


def test_nothing_is_copied_unless_asked() -> None:
    assert of_kind(manifests(), "CronJob") == {}
    assert "chat-chatbot-backups" not in of_kind(manifests(), "PersistentVolumeClaim")


@pytest.mark.parametrize("values", [ON, SQLITE, EXTERNAL])
def test_the_objects_are_valid(values: dict[str, Any]) -> None:
    values = merge(values, {"backup": {"timeZone": "Asia/Seoul", "encryption": {"secretName": "keys"}}})
    assert_valid(manifests(values))


def test_a_database_is_copied_by_one_job_that_needs_no_volume_of_the_services() -> None:
    ((name, spec),) = pods(ON).items()
    assert name == "chat-chatbot-backup"
    assert claims(spec) == {"backups": "chat-chatbot-backups"}
    assert environment(spec)["CHATBOT_HISTORY__MONGO_URI"] == "mongodb://chat-chatbot-history:27017/"
    assert spec["containers"][0]["args"] == ["history", "backup", "/backups", "--keep=14"]
    assert "affinity" not in spec


def test_an_address_in_a_secret_stays_there() -> None:
    (spec,) = pods(EXTERNAL).values()
    reference = {"secretKeyRef": {"name": "mongo", "key": "uri"}}
    assert environment(spec)["CHATBOT_HISTORY__MONGO_URI"] == reference


@pytest.mark.parametrize(("kind", "suffix"), [("shared", ""), ("perService", "-office")])
def test_a_file_is_copied_beside_the_service_that_writes_it(kind: str, suffix: str) -> None:
    found = pods(merge(SQLITE, {"storage": {"data": {"kind": kind}}}))
    assert set(found) == {"chat-chatbot-backup-office", "chat-chatbot-backup-character"}
    spec = found["chat-chatbot-backup-office"]
    office = pod_specs(manifests(SQLITE))["Deployment/chat-chatbot-office"]
    assert claims(spec) == {"backups": "chat-chatbot-backups", "data": f"chat-chatbot-data{suffix}"}
    folder = environment(spec)["CHATBOT_DATA_DIR"]
    assert folder == environment(office)["CHATBOT_DATA_DIR"] == "/data/office"
    assert "--service=office" in spec["containers"][0]["args"]
    assert spec["tolerations"] == office["tolerations"]
    (term,) = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["topologyKey"] == "kubernetes.io/hostname"
    assert term["labelSelector"]["matchLabels"]["app.kubernetes.io/component"] == "office"


def test_the_way_to_the_file_stands_beside_what_the_operator_wants() -> None:
    mine = {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "zone"}
    node: dict[str, Any] = {"preferredDuringSchedulingIgnoredDuringExecution": []}
    affinity = {
        "podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [mine]},
        "nodeAffinity": node,
    }
    tolerations = [{"key": "mine", "operator": "Exists"}]
    values = merge(SQLITE, {"backup": {"affinity": affinity, "tolerations": tolerations}})
    spec = pods(values)["chat-chatbot-backup-office"]
    terms = spec["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert [each["topologyKey"] for each in terms] == ["kubernetes.io/hostname", "zone"]
    assert spec["affinity"]["nodeAffinity"] == node
    assert [each["key"] for each in spec["tolerations"]] == ["mine", "nvidia.com/gpu"]


def test_a_secret_with_public_keys_encrypts() -> None:
    (spec,) = pods(merge(ON, {"backup": {"encryption": {"secretName": "keys", "key": "age"}}})).values()
    assert "--keys=/etc/chatbot/backup/age" in spec["containers"][0]["args"]
    assert {"name": "keys", "secret": {"secretName": "keys"}} in spec["volumes"]
    mount = {"name": "keys", "mountPath": "/etc/chatbot/backup", "readOnly": True}
    assert mount in spec["containers"][0]["volumeMounts"]


def test_it_reaches_the_database_and_nothing_else() -> None:
    bundled = policy(ON, "backup")
    assert bundled["ingress"] == []
    assert len(bundled["egress"]) == 2, "DNS and the database"
    assert bundled["egress"][1] == policy(ON, "office")["egress"][1]
    entry = policy(ON, "history")["ingress"][0]["from"][0]["podSelector"]["matchExpressions"][0]
    assert "backup" in entry["values"]
    entry = policy({}, "history")["ingress"][0]["from"][0]["podSelector"]["matchExpressions"][0]
    assert "backup" not in entry["values"]
    assert policy(EXTERNAL, "backup")["egress"][1] == {"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]}
    assert policy(SQLITE, "backup")["egress"] == []


def test_copies_outlive_the_release() -> None:
    claim = of_kind(manifests(ON), "PersistentVolumeClaim")["chat-chatbot-backups"]
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    mine = merge(ON, {"storage": {"backups": {"kind": "existing", "claimName": "bucket"}}})
    assert "chat-chatbot-backups" not in of_kind(manifests(mine), "PersistentVolumeClaim")
    (spec,) = pods(mine).values()
    assert claims(spec)["backups"] == "bucket"


def test_each_service_can_have_a_volume_for_its_copies() -> None:
    """CronJobs run beside their services, and a volume of one node serves one of them."""
    own = {"storage": {"backups": {"kind": "perService", "accessMode": "ReadWriteOnce"}}}
    found = pods(merge(SQLITE, own))
    for name in ("office", "character"):
        assert claims(found[f"chat-chatbot-backup-{name}"])["backups"] == f"chat-chatbot-backups-{name}"
    made = of_kind(manifests(merge(SQLITE, own)), "PersistentVolumeClaim")
    assert {"chat-chatbot-backups-office", "chat-chatbot-backups-character"} <= set(made)
    assert "chat-chatbot-backups" not in made
    assert "one CronJob copies the database: use storage.backups.kind=shared" in refusal(merge(ON, own))
    assert refusal(own) == "", "backup.enabled is false"


@pytest.mark.parametrize("name", ["small", "kind", "one-machine-cpu", "one-host-two-cards"])
def test_an_example_without_volumes_for_many_nodes_can_make_copies(name: str) -> None:
    made = of_kind(manifests(merge(example(name), ON)), "PersistentVolumeClaim")
    modes = {
        mode for claim, each in made.items() if "backups" in claim for mode in each["spec"]["accessModes"]
    }
    assert modes == {"ReadWriteOnce"}


def test_names_of_cronjobs_leave_room_for_those_of_their_jobs() -> None:
    name = "aservicewithalongnam"
    values = merge(SQLITE, {"fullnameOverride": "r" * 36, "services": {name: {"gpu": {"enabled": False}}}})
    names = set(of_kind(manifests(values), "CronJob"))
    assert len(names) == 3
    assert max(map(len, names)) <= 52


@pytest.mark.parametrize(
    "wrong", [{"schedule": "daily"}, {"keep": 0}, {"timeZone": "+09:00"}, {"encryption": {"key": "../x"}}]
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    assert "backup" in refusal({"backup": wrong})
