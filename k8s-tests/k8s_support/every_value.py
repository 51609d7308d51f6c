"""What operators set besides the suite's own settings: once, and each of it changed."""

from typing import Any

from k8s_support import restricted
from k8s_support.release import REGISTRY

LIMITS = {"limits": {"cpu": "4", "memory": "2Gi"}}
NO_REGISTRY = {".dockerconfigjson": '{"auths": {} }'}


def _object(kind: str, name: str, version: str = "v1", **content: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **content}


def _limits(*keys: str) -> dict[str, Any]:
    return {key: {"resources": LIMITS} for key in keys}


def _own(name: str, shell: str) -> dict[str, Any]:
    """A container of the operator's, as Pod Security restricted and a quota of limits want it."""
    return {
        "name": name,
        "image": f"{REGISTRY}/chatbot/base:dev",
        "command": ["sh", "-c", shell],
        "securityContext": restricted.CONTAINER,
        # Without requests its limits would be taken for them.
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, **LIMITS},
    }


def every_value(turn: int) -> dict[str, Any]:
    """Values of the chart, each with another content for another turn; 0 is the first."""
    name = f"turn-{turn}"
    labels = {"turn": name}
    return {
        "commonLabels": labels,
        "commonAnnotations": labels,
        "images": {"registry": REGISTRY, "pullSecrets": [["pull"], []][turn]},
        "extraObjects": [
            # A quota that counts limits refuses every container without them.
            _object("ResourceQuota", "limits", spec={"hard": {"limits.cpu": "90", "limits.memory": "90Gi"}}),
            _object("ConfigMap", "more", data={"MORE": "{{ .Release.Name }}"}),
            _object("Secret", "proxy", stringData={"NO_PROXY": f"*,{name}"}),
            _object("Secret", "pull", type="kubernetes.io/dockerconfigjson", stringData=NO_REGISTRY),
            _object("ServiceAccount", "mine"),
            _object("PriorityClass", "chatbot-tests", "scheduling.k8s.io/v1", value=1000),
        ],
        "podDefaults": {
            "extraEnv": [
                {"name": "TURN", "value": name},
                {"name": "HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
            ],
            "envFrom": [
                {"configMapRef": {"name": "more"}},
                {"configMapRef": {"name": f"absent-{turn}", "optional": True}},
            ],
            "extraVolumes": [{"name": "more", "emptyDir": {"sizeLimit": f"{turn + 1}Mi"}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": f"/more-{turn}"}],
            "podSecurityContext": {"supplementalGroups": [1000 + turn]},
            "securityContext": {"privileged": [False, None][turn]},
            "tolerations": [{"key": name, "operator": "Exists"}],
            "topologySpreadConstraints": [
                {
                    "maxSkew": turn + 1,
                    "topologyKey": "kubernetes.io/hostname",
                    "whenUnsatisfiable": "ScheduleAnyway",
                }
            ],
            "nodeSelector": [{"kubernetes.io/os": "linux"}, {}][turn],
            "affinity": {
                "nodeAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {
                            "weight": turn + 1,
                            "preference": {
                                "matchExpressions": [{"key": "kubernetes.io/os", "operator": "Exists"}]
                            },
                        }
                    ]
                }
            },
            "schedulerName": ["default-scheduler", ""][turn],
            "priorityClassName": ["chatbot-tests", ""][turn],
            "hostAliases": [{"ip": f"10.9.0.{turn + 1}", "hostnames": ["beside"]}],
            # Without the host's network both are the same.
            "dnsPolicy": ["ClusterFirst", "ClusterFirstWithHostNet"][turn],
            "dnsConfig": {"options": [{"name": "ndots", "value": f"{turn + 2}"}]},
            "podAnnotations": labels,
            "podLabels": {"pod-turn": name},
        },
        **_limits("libs", "tests"),
        "gateway": {
            "resources": LIMITS,
            "service": {
                "annotations": labels,
                "type": ["NodePort", "ClusterIP"][turn],
                "ipFamilyPolicy": ["", "PreferDualStack"][turn],
            },
            "outageService": {"annotations": labels},
            "probes": {"readiness": {"periodSeconds": turn + 1}},
            "port": [8001, 8081][turn],
            "extraContainers": [[_own("beside", "trap 'exit 0' TERM; sleep infinity & wait")], []][turn],
            "replicas": 2,
            "minAvailable": ["50%", ""][turn],
        },
        "models": {"resources": LIMITS, "wait": {"resources": LIMITS}},
        "serviceAccount": {"create": turn == 0, "name": ["", "mine"][turn], "annotations": labels},
        "caBundle": {"configMapName": ["kube-root-ca.crt", ""][turn]},
        "proxy": {"secretName": "proxy", "to": [{"ipBlock": {"cidr": f"10.9.{turn}.0/24"}}]},
        "storage": {"models": {"annotations": labels}},
        "backup": {
            "enabled": True,
            "schedule": f"{turn} 3 1 1 *",
            "timeZone": ["", "Asia/Seoul"][turn],
            "keep": turn + 1,
            "backoffLimit": turn,
            "resources": LIMITS,
        },
        "history": {"bundled": {"resources": LIMITS, "service": {"annotations": labels}}},
    }


OFFICE: dict[str, Any] = {
    "resources": LIMITS,
    "initContainers": [_own("before", "true")],
    "service": {"annotations": {"a": "b"}},
    "probes": {"liveness": {"periodSeconds": 7}},
}
"""What the walk adds to a service's own block."""
