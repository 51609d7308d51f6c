#!/bin/bash
# k8s-images.sh [PREFIX [TAG [VARIANT]]]: builds every image and pushes it as PREFIX/NAME:TAG, the engine as TAG-VARIANT.
# PREFIX: registry and folder (127.0.0.1:5000/chatbot); TAG: dev; VARIANT of the engine: cpu, cuda or all (both).
# Which images there are says artifacthub.io/images in charts/chatbot/Chart.yaml. With a PREFIX, the database's image is
# copied to its registry too: $DATABASE (empty: none), else the one of that list.
# BUILDER as scripts/image-build.sh takes it; PUSH_IMAGE=false leaves the images on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${1:-127.0.0.1:5000/chatbot} tag=${2:-dev} variant=${3:-cpu}
case $variant in cpu | cuda | all) ;; *) echo "VARIANT must be cpu, cuda or all, not '$variant'" >&2; exit 1 ;; esac
export PUSH_IMAGE=${PUSH_IMAGE:-true}
mapfile -t images < <(sed -n 's/^ *image: //p' charts/chatbot/Chart.yaml)

build() {
  local part=$1 image=$prefix/$2
  echo "== $image"
  IMAGE=$image scripts/image-build.sh "$part"
}

copy() {
  local image=$1 copy=${prefix%/*}/${1#*/} builder
  echo "== $copy"
  builder=${BUILDER:-$(docker info >/dev/null 2>&1 && echo docker || echo buildah)}
  "$builder" pull -q "$image"
  "$builder" tag "$image" "$copy"
  "$builder" push -q "$copy"
}

for image in "${images[@]}"; do
  name=${image#chatbot/}
  case $image in
    chatbot/libs:*-*)
      engine=${image##*-}
      [ "$variant" != all ] && [ "$variant" != "$engine" ] || VARIANT=$engine build libs "libs:$tag-$engine"
      ;;
    chatbot/base:*)
      build base "base:$tag"
      # What is built on it comes after it.
      export BASE=$prefix/base:$tag
      ;;
    chatbot/*) build "${name%%:*}" "${name%%:*}:$tag" ;;
    *)
      database=${DATABASE-${1:+$image}}
      [ -z "$database" ] || [ "$PUSH_IMAGE" != true ] || copy "$database"
      ;;
  esac
done
