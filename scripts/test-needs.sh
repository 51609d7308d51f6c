#!/usr/bin/env bash
# The tests drive a real browser. On Debian it is installed when that can be done without asking.
set -euo pipefail
command -v chromium >/dev/null && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  printf 'test-needs: installing chromium\n' >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null
else
  printf 'test-needs: chromium is needed for the page tests (Debian: apt-get install chromium fonts-noto-cjk)\n' >&2
  exit 1
fi
