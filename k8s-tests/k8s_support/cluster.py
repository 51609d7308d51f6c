"""The cluster that KUBECONFIG names, through the kubernetes package."""

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

T = TypeVar("T")


def eventually(what: str, look: Callable[[], T | None], seconds: float = 120, pause: float = 1.0) -> T:
    """The first true result of ``look``; an AssertionError with the last one after so many seconds."""
    end = time.monotonic() + seconds
    found = look()
    while not found:
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s; last: {found!r}"
        time.sleep(pause)
        found = look()
    assert found is not None
    return found


class Cluster:
    """Thin helpers; every object is the kubernetes package's own."""

    def __init__(self) -> None:
        config.load_kube_config()  # type: ignore[no-untyped-call]
        self.core: Any = client.CoreV1Api()
        self.apps: Any = client.AppsV1Api()
        self.batch: Any = client.BatchV1Api()

    def create_namespace(self, name: str) -> None:
        """A fresh namespace that enforces Pod Security `restricted`."""
        self.delete_namespace(name)

        def gone() -> bool:
            return name not in [found.metadata.name for found in self.core.list_namespace().items]

        eventually(f"the former namespace {name} is gone", gone, 300)
        labels = {"pod-security.kubernetes.io/enforce": "restricted", "chatbot-tests": "true"}
        body = client.V1Namespace(metadata=client.V1ObjectMeta(name=name, labels=labels))
        self.core.create_namespace(body)

    def delete_namespace(self, name: str) -> None:
        """Begin to delete it; the next tests need not wait until everything in it has ended."""
        try:
            # What deletes a namespace looks again only after half of the longest grace of a pod that goes.
            self.core.delete_collection_namespaced_pod(name, grace_period_seconds=0)
            self.core.delete_namespace(name, grace_period_seconds=0)
        except ApiException as error:
            # It is not there, or is going already.
            if error.status not in {404, 409}:
                raise

    def apply(self, namespace: str, *objects: dict[str, Any]) -> None:
        """Create or change objects in a namespace."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        command = ["kubectl", "-n", namespace, "apply", "-f", "-"]
        done = subprocess.run(command, input=text, text=True, check=False, capture_output=True, timeout=60)
        assert done.returncode == 0, f"{text}\n{done.stderr}"

    def pods(self, namespace: str, component: str = "") -> list[Any]:
        """Pods of a component (or all), those that are going included."""
        selector = f"app.kubernetes.io/component={component}" if component else ""
        found: list[Any] = self.core.list_namespaced_pod(namespace, label_selector=selector).items
        return found

    def ready_pod(self, namespace: str, component: str, seconds: float = 240) -> Any:
        """The one pod of a component, once it is ready."""

        def look() -> Any:
            staying = [
                pod for pod in self.pods(namespace, component) if pod.metadata.deletion_timestamp is None
            ]
            ready = [pod for pod in staying if is_ready(pod)]
            return ready[0] if len(ready) == len(staying) == 1 else None

        return eventually(f"{component} is ready", look, seconds)

    def logs(self, namespace: str, pod: str, container: str | None = None) -> str:
        """What a container said."""
        text: str = self.core.read_namespaced_pod_log(pod, namespace, container=container, tail_lines=400)
        return text

    def run(self, namespace: str, pod: str, *command: str) -> str:
        """Output of a command in a pod, standard error included."""
        answer: str = stream(
            self.core.connect_get_namespaced_pod_exec,
            pod,
            namespace,
            command=list(command),
            stdout=True,
            stderr=True,
            stdin=False,
            tty=False,
        )
        return answer

    def reaches(self, namespace: str, pod: str, host: str, port: int) -> bool:
        """Whether a pod of ours (with Python) can open a connection within three seconds."""
        code = f"import socket; socket.create_connection(({host!r}, {port}), 3); print('open')"
        return "open" in self.run(namespace, pod, "python", "-c", code).splitlines()

    def job(self, namespace: str, part: str) -> Any:
        """The newest Job whose name contains ``part``."""
        jobs = [
            found for found in self.batch.list_namespaced_job(namespace).items if part in found.metadata.name
        ]
        return max(jobs, key=lambda found: found.metadata.creation_timestamp)


def report(namespace: str) -> str:
    """Nodes, events, descriptions and logs, for a failed test; never fails itself."""
    parts = [
        _told("get", "nodes", "-o", "wide"),
        _told("-n", namespace, "get", "pods,jobs,pvc", "-o", "wide"),
        _told("-n", namespace, "get", "events", "--sort-by=.lastTimestamp"),
        _told("-n", namespace, "describe", "pods,jobs"),
    ]
    pods = _told("-n", namespace, "get", "pods", "-o", "name").splitlines()
    parts += [
        _told("-n", namespace, "logs", pod, "--all-containers", "--prefix", "--tail=60")
        for pod in pods
        if pod.startswith("pod/")
    ]
    return "\n".join(parts)


def _told(*arguments: str) -> str:
    command = ["kubectl", "--request-timeout=30s", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"$ {' '.join(command)}\n{error}"
    return f"$ {' '.join(command)}\n{done.stdout[-8000:]}{done.stderr[-1000:]}"


def is_ready(pod: Any) -> bool:
    """Whether the pod's Ready condition is true."""
    return any(found.type == "Ready" and found.status == "True" for found in pod.status.conditions or [])
