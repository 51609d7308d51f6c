#!/bin/bash
# k8s-ci.sh CLUSTER: brings up the cluster whose command lies in the folder CLUSTER, builds the images, runs k8s-tests.
# The cluster's command must know up, ingress, mixed and env (which prints exports: KUBECONFIG, PATH and buildah's settings).
set -euo pipefail
cd "$(dirname "$0")/.."
cluster=$(cd "${1:?name the folder of the cluster}" && pwd)/cluster

"$cluster" up
"$cluster" ingress
# env may make the base images anew, which costs minutes and every layer built on them: once is enough.
[ -n "${CONTAINERS_REGISTRIES_CONF:-}" ] || eval "$("$cluster" env)"
# The host with both cards: its own tests let it take pods, the others expect two nodes.
"$cluster" mixed
kubectl cordon node-mixed
DATABASE='' scripts/k8s-images.sh 127.0.0.1:5000/chatbot dev cpu
for part in hub prometheus; do
  IMAGE=127.0.0.1:5000/chatbot/$part:dev PUSH_IMAGE=true scripts/image-build.sh "k8s-tests/$part"
done
K8S_TESTS_REQUIRE_ALL=1 .venv/bin/pytest -c k8s-tests/pytest.ini k8s-tests
