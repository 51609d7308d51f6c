#!/bin/bash
# image-build.sh PART [options of the builder]: builds images/PART (or the folder PART) into $IMAGE.
#
# BUILDER is docker or buildah; unset, docker where its daemon answers and else buildah, whose registry settings come
# from its own configuration (CONTAINERS_REGISTRIES_CONF). A service's image is built on $BASE, or on the base image of
# this tree, which is then built first. skaffold's custom builder sets IMAGE, BUILD_CONTEXT (the repository's root) and
# PUSH_IMAGE. VARIANT=cuda builds the engine for cards.
set -euo pipefail

part=$1
shift
: "${IMAGE:?set IMAGE to the name to build}"
context=${BUILD_CONTEXT:-$(cd "$(dirname "$0")/.." && pwd)}
file=$context/images/$part/Dockerfile
[ -f "$file" ] || file=$context/$part/Dockerfile
if [ -z "${BUILDER:-}" ]; then
  if docker info >/dev/null 2>&1; then BUILDER=docker; else BUILDER=buildah; fi
fi
export BUILDER
options=()
if grep -q '^ARG BASE=' "$file"; then
  if [ -z "${BASE:-}" ]; then
    BASE=localhost/chatbot-base:local
    IMAGE=$BASE PUSH_IMAGE=false "$0" base
  fi
  options+=(--build-arg "BASE=$BASE")
fi
if grep -q '^ARG VARIANT=' "$file"; then
  options+=(--build-arg "VARIANT=${VARIANT:-cpu}")
fi

case $BUILDER in
  buildah)
    buildah bud --layers --network host -f "$file" -t "$IMAGE" "${options[@]}" "$@" "$context"
    [ "${PUSH_IMAGE:-false}" != true ] || buildah push -q "$IMAGE"
    ;;
  docker)
    docker build -f "$file" -t "$IMAGE" "${options[@]}" "$@" "$context"
    [ "${PUSH_IMAGE:-false}" != true ] || docker push -q "$IMAGE"
    ;;
  *)
    echo "BUILDER must be buildah or docker, not '$BUILDER'" >&2
    exit 1
    ;;
esac
