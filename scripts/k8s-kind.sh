#!/usr/bin/env bash
# The cluster tests that need neither cards nor the image of the MongoDB-protocol server, on a kind cluster of one node.
# Needs docker, kind and helm; makes the cluster chatbot-tests and a registry on 127.0.0.1:5000, and leaves both.
set -euo pipefail
cd "$(dirname "$0")/.."
for program in docker kind helm; do
  command -v "$program" >/dev/null || { echo "k8s-kind: $program is needed" >&2; exit 1; }
done

docker inspect chatbot-registry >/dev/null 2>&1 \
  || docker run -d -p 127.0.0.1:5000:5000 --name chatbot-registry registry:2
kind get clusters | grep -qx chatbot-tests || kind create cluster --name chatbot-tests --config - <<'CONFIG'
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
containerdConfigPatches:
  - |-
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = "/etc/containerd/certs.d"
CONFIG
docker network connect kind chatbot-registry 2>/dev/null || true
# What a node calls 127.0.0.1:5000 is the registry beside it.
for node in $(kind get nodes --name chatbot-tests); do
  docker exec "$node" mkdir -p /etc/containerd/certs.d/127.0.0.1:5000
  docker exec -i "$node" tee /etc/containerd/certs.d/127.0.0.1:5000/hosts.toml >/dev/null <<'HOSTS'
[host."http://chatbot-registry:5000"]
HOSTS
done

DATABASE='' BUILDER=docker scripts/k8s-images.sh 127.0.0.1:5000/chatbot dev cpu
IMAGE=127.0.0.1:5000/chatbot/hub:dev PUSH_IMAGE=true BUILDER=docker scripts/image-build.sh k8s-tests/hub
# kind's volumes can be written from one node only, and it has one.
K8S_TESTS_ACCESS_MODE=ReadWriteOnce .venv/bin/pytest -c k8s-tests/pytest.ini k8s-tests -m anywhere
