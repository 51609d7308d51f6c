"""Each example does what its first line says; what all of them keep is in test_manifests."""

from typing import Any

from tests.chart.rendering import environment, example, manifests, of_kind, pod_specs


def rendered(name: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """Objects and pod specs of an example."""
    objects = manifests(example(name))
    return objects, pod_specs(objects)


def test_two_gpu_nodes_are_the_defaults() -> None:
    assert manifests(example("two-gpu-nodes")) == manifests()


def test_one_machine_asks_for_no_card_and_no_shared_volume() -> None:
    objects, specs = rendered("one-machine-cpu")
    assert 'nvidia.com/gpu"' not in str(specs)
    requests = {}
    for service in ("office", "character"):
        spec = specs[f"Deployment/chat-chatbot-{service}"]
        assert "affinity" not in spec
        assert "limits" not in spec["containers"][0]["resources"]
        requests[service] = spec["containers"][0]["resources"]["requests"]
    assert requests == {"office": {"cpu": "2", "memory": "7Gi"}, "character": {"cpu": "2", "memory": "11Gi"}}
    claims = of_kind(objects, "PersistentVolumeClaim").values()
    assert {claim["spec"]["accessModes"][0] for claim in claims} == {"ReadWriteOnce"}


def test_kind_pulls_nothing_and_runs_office_alone() -> None:
    objects, specs = rendered("kind")
    assert set(of_kind(objects, "Deployment")) == {"chat-chatbot-office", "chat-chatbot-gateway"}
    assert of_kind(objects, "Ingress") == of_kind(objects, "StatefulSet") == {}
    assert {each["imagePullPolicy"] for spec in specs.values() for each in spec["containers"]} == {"Never"}


def test_the_gateway_api_takes_the_place_of_the_ingress() -> None:
    objects, _ = rendered("gateway-api")
    (route,) = of_kind(objects, "HTTPRoute").values()
    assert route["spec"]["parentRefs"] == [{"name": "gateway", "namespace": "ingress"}]
    assert route["spec"]["hostnames"] == ["chat.example.com"]
    assert of_kind(objects, "Ingress") == {}


def test_an_external_database_and_keys_come_from_secrets() -> None:
    objects, specs = rendered("external-mongodb")
    assert of_kind(objects, "StatefulSet") == {}
    for service in ("office", "character"):
        spec = specs[f"Deployment/chat-chatbot-{service}"]
        env = environment(spec)
        assert env["CHATBOT_HISTORY__MONGO_URI"] == {
            "secretKeyRef": {"name": "chatbot-mongodb", "key": "uri"}
        }
        assert env["CHATBOT_OPENAI__API_KEY"]["secretKeyRef"]["name"] == "chatbot-openai"
        assert spec["containers"][0]["envFrom"] == [{"secretRef": {"name": "chatbot-search"}}]
        assert "CHATBOT_SEARCH__WIKIPEDIA" not in env
        assert {"name": "access", "secret": {"secretName": "chatbot-keys"}} in spec["volumes"]
        egress = of_kind(objects, "NetworkPolicy")[f"chat-chatbot-{service}"]["spec"]["egress"]
        assert {
            "to": [{"ipBlock": {"cidr": "192.0.2.10/32"}}],
            "ports": [{"port": 27017, "protocol": "TCP"}],
        } in egress


def test_ferretdb_runs_in_place_of_mongodb() -> None:
    _, specs = rendered("ferretdb")
    spec = specs["StatefulSet/chat-chatbot-history"]
    (database,) = spec["containers"]
    assert database["image"] == "ghcr.io/ferretdb/ferretdb:1.24.2"
    assert "args" not in database
    assert environment(spec)["FERRETDB_HANDLER"] == "sqlite"
    assert spec["securityContext"]["runAsUser"] == 1000
    assert {"name": "database", "mountPath": "/state"} in database["volumeMounts"]


def test_a_load_test_asks_every_service_and_is_shown_by_the_gateway() -> None:
    objects, specs = rendered("load-test")
    (job,) = [spec for name, spec in specs.items() if "-loadtest-" in name]
    arguments = job["containers"][0]["args"]
    assert "--run-id=release-1" in arguments
    assert {each for each in arguments if each.startswith("--counters=")} == {
        "--counters=http://chat-chatbot-office-pods:8002",
        "--counters=http://chat-chatbot-character-pods:8003",
    }
    assert arguments[-7:-1] == ["--duration", "300s", "--slo", "success>=99", "--slo", "p95<=30"]
    assert arguments[-1].startswith("--content=")
    conf = of_kind(objects, "ConfigMap")["chat-chatbot-gateway"]["data"]["nginx.conf"]
    assert "location /loadtest/" in conf
    for ingress in of_kind(objects, "Ingress").values():
        assert ingress["spec"]["tls"] == [{"secretName": "chat-tls", "hosts": ["chat.example.com"]}]
        assert ingress["spec"]["rules"][0]["host"] == "chat.example.com"
    (libs,) = [
        volume for volume in specs["Deployment/chat-chatbot-office"]["volumes"] if volume["name"] == "libs"
    ]
    assert libs["persistentVolumeClaim"] == {"claimName": "chat-chatbot-libs", "readOnly": True}


def test_observability_renders_what_operators_read() -> None:
    objects, specs = rendered("observability")
    for kind in ("PodMonitor", "PrometheusRule"):
        (found,) = of_kind(objects, kind).values()
        assert found["metadata"]["labels"]["release"] == "prometheus"
    (scaled,) = of_kind(objects, "ScaledObject").values()
    assert (scaled["spec"]["minReplicaCount"], scaled["spec"]["maxReplicaCount"]) == (2, 4)
    budgets = {"chat-chatbot-office", "chat-chatbot-character", "chat-chatbot-gateway"}
    assert set(of_kind(objects, "PodDisruptionBudget")) == budgets
    (libs,) = [
        volume for volume in specs["Deployment/chat-chatbot-office"]["volumes"] if volume["name"] == "libs"
    ]
    assert libs["image"]["reference"] == "chatbot/libs:0.1.0-cpu"


def test_development_takes_its_small_model_from_the_hub_beside_it() -> None:
    objects, specs = rendered("development")
    jobs = [spec for name, spec in specs.items() if name.startswith("Job/chat-chatbot-models-")]
    assert [environment(job)["HF_ENDPOINT"] for job in jobs] == ["http://hub:8080"] * 2
    egress = of_kind(objects, "NetworkPolicy")["chat-chatbot-models"]["spec"]["egress"]
    assert egress[-1]["to"] == [{"podSelector": {"matchLabels": {"app": "hub"}}}]
    for service in ("office", "character"):
        env = environment(specs[f"Deployment/chat-chatbot-{service}"])
        assert env[f"CHATBOT_{service.upper()}__MODEL"] == "gemma-3-270m.gguf"
        assert env[f"CHATBOT_{service.upper()}__GPU_LAYERS"] == "0"
