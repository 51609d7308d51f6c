#!/usr/bin/env bash
# Pins requirements/*.in into requirements/*.txt with hashes and without any address of an index.
set -euo pipefail
for file in requirements/*.in; do
  alone=()
  [ "$file" != requirements/assets.in ] || alone=(--no-deps)
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
    --custom-compile-command './taskw lock' "${alone[@]}" "$@" "$file" -o "${file%.in}.txt"
done
