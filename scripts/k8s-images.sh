#!/bin/bash
# k8s-images.sh [PREFIX [TAG [VARIANT]]]: builds every image and pushes it as PREFIX/NAME:TAG, the engine as TAG-VARIANT.
# PREFIX: registry and folder (127.0.0.1:5000/chatbot); TAG: dev; VARIANT of the engine: cpu or cuda.
# With a PREFIX, the bundled database's image is copied to its registry too: $DATABASE (empty: none), else MongoDB's.
# BUILDER as scripts/image-build.sh takes it; PUSH_IMAGE=false leaves the images on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${1:-127.0.0.1:5000/chatbot} tag=${2:-dev} variant=${3:-cpu}
export PUSH_IMAGE=${PUSH_IMAGE:-true}

build() {
  local part=$1 image=$prefix/$2
  shift 2
  echo "== $image"
  IMAGE=$image scripts/image-build.sh "$part" "$@"
}

VARIANT=$variant build libs "libs:$tag-$variant"
build base "base:$tag"
export BASE=$prefix/base:$tag
build office "office:$tag"
build character "character:$tag"
unset BASE
build gateway "gateway:$tag"
build loadtest "loadtest:$tag"

database=${DATABASE-${1:+docker.io/library/mongo:8.0}}
if [ -n "$database" ] && [ "$PUSH_IMAGE" = true ]; then
  copy=${prefix%/*}/${database#*/}
  echo "== $copy"
  builder=${BUILDER:-$(docker info >/dev/null 2>&1 && echo docker || echo buildah)}
  "$builder" pull -q "$database"
  "$builder" tag "$database" "$copy"
  "$builder" push -q "$copy"
fi
