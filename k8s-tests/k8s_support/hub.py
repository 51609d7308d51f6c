"""Starts hubs of the tests: pods that speak the Hugging Face protocol and hold a real small model."""

from pathlib import Path

import yaml

from k8s_support.cluster import Cluster, eventually, is_ready
from k8s_support.release import HUB_NAMESPACE, REGISTRY


def start_hub(cluster: Cluster, name: str, *arguments: str) -> None:
    """A hub pod and its Service; arguments as of hub_server.py after the port."""
    text = (Path(__file__).parents[1] / "hub" / "hub.yaml").read_text()
    text = text.replace("IMAGE", f"{REGISTRY}/chatbot/hub:dev").replace("NAME", name)
    text = text.replace("ARGUMENTS", ", ".join(f'"{each}"' for each in arguments))
    cluster.apply(HUB_NAMESPACE, *yaml.safe_load_all(text))

    def ready() -> bool:
        return is_ready(cluster.core.read_namespaced_pod(name, HUB_NAMESPACE))

    eventually(f"the hub {name} is ready", ready, 180)
