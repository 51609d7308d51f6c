#!/bin/sh
# Takes out of an image what only its build needs: apt, pip and what pip installs with, and every setuid or setgid bit.
# dpkg goes on knowing what is left, for scanners.
set -eu
for package in apt python3-pip python3-setuptools python3-wheel; do
  if dpkg -s "$package" >/dev/null 2>&1; then
    dpkg --purge --force-depends --force-remove-essential --force-remove-protected "$package" >/dev/null 2>&1
  fi
done
# python.org's images bring pip beside Debian's packages; ensurepip holds another copy of it.
find / -xdev \( -path '*/site-packages/pip*' -o -path '*/site-packages/setuptools*' -o -path '*/site-packages/wheel*' \
  -o -path '*/python3*/ensurepip' -o -path '/usr/local/bin/pip*' -o -path /usr/share/python-wheels \) \
  ! -path '/opt/*' -prune -exec rm -rf {} +
rm -rf /etc/apt /var/lib/apt /var/cache/apt
find / -xdev -type f -perm /6000 -exec chmod a-s {} +
