#!/usr/bin/env bash
# The tests drive a real browser, a real nginx and age. On Debian they are installed when that can be done without asking.
set -euo pipefail
missing=()
command -v chromium >/dev/null || missing+=(chromium fonts-noto-cjk)
# Debian keeps nginx where only root's PATH looks.
PATH="$PATH:/usr/sbin" command -v nginx >/dev/null || missing+=(nginx-light)
command -v age >/dev/null || missing+=(age)
[ ${#missing[@]} -eq 0 ] && exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  printf 'test-needs: installing %s\n' "${missing[*]}" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
else
  printf 'test-needs: the tests need %s (Debian: apt-get install %s)\n' "${missing[*]}" "${missing[*]}" >&2
  exit 1
fi
