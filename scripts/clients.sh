#!/usr/bin/env bash
# Drives real clients of OpenAI's format through the suite and prints a table; arguments go to clients.table. They are
# installed by requirements/clients.txt into .clients, apart from .venv, since their requirements are not the suite's.
set -euo pipefail
wanted=$(cat requirements/clients.txt clients/ai_sdk/package-lock.json | cksum)
if [ "$(cat .clients/.installed 2>/dev/null || true)" != "$wanted" ]; then
  rm -rf .clients
  printf 'clients: installing openai, langchain-openai, pydantic-ai and instructor into .clients/python (110 MB)\n' >&2
  uv venv --quiet --python "${PYTHON_FOR_VENV:-python3}" .clients/python
  uv pip sync --quiet --python .clients/python --require-hashes requirements/clients.txt
  mkdir .clients/node
  if command -v npm >/dev/null; then
    printf 'clients: installing the AI SDK into .clients/node (30 MB)\n' >&2
    cp clients/ai_sdk/package.json clients/ai_sdk/package-lock.json .clients/node
    npm ci --prefix .clients/node --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  else
    printf 'clients: there is no npm here, so the AI SDK is left out\n' >&2
  fi
  printf '%s' "$wanted" > .clients/.installed
fi
node=()
[ -d .clients/node/node_modules ] && node=(--node "$PWD/.clients/node")
exec .venv/bin/python -m clients.table "$PWD/.clients/python/bin/python" "${node[@]}" "$@"
