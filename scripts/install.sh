#!/usr/bin/env bash
# Installs requirements/$1.txt (serve or dev), assets.txt and the project into .venv; says what is missing before the
# long compile, and does nothing when what is installed is already what the files name.
set -euo pipefail
group=$1
wanted=$(cat "requirements/$group.txt" requirements/assets.txt pyproject.toml | cksum)
everything=$(cat requirements/dev.txt requirements/assets.txt pyproject.toml | cksum)
stamp=.venv/.installed
present=$(cat "$stamp" 2>/dev/null || true)

# A developer's environment holds all that serving needs.
if [ "$present" = "$wanted" ] || { [ "$group" = serve ] && [ "$present" = "$everything" ]; }; then
  exit 0
fi
if ! command -v c++ >/dev/null; then
  printf 'install: a C++ compiler is needed to compile llama.cpp (Debian: apt-get install g++)\n' >&2
  exit 1
fi
if [ ! -x .venv/bin/python ]; then
  uv venv --quiet --python "${PYTHON_FOR_VENV:-python3}" .venv
fi
if ! .venv/bin/python -c 'import llama_cpp' 2>/dev/null; then
  printf 'install: llama.cpp is not here yet; to compile it takes about 5 minutes on 2 cores, once on this machine\n' >&2
fi
# sync, so that nothing installed by hand is needed unnoticed.
uv pip sync --python .venv --require-hashes "requirements/$group.txt" requirements/assets.txt
uv pip install --python .venv --quiet --no-deps --editable .
printf '%s' "$wanted" > "$stamp"
