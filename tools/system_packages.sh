#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that the demo and the tests need; without root it
# says in one line what to install.
set -euo pipefail

declare -A FOR=(
  [softhsm2]=/usr/lib/softhsm/libsofthsm2.so
  [oathtool]=/usr/bin/oathtool
  [openssl]=/usr/bin/openssl
  [libnss3]=/usr/lib/x86_64-linux-gnu/libsoftokn3.so
  [gcc]=/usr/bin/cc
)

missing=()
for package in "${!FOR[@]}"; do
  [ -e "${FOR[$package]}" ] || missing+=("$package")
done
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ -e /usr/share/zoneinfo/Asia/Tokyo ] || missing+=(tzdata)

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "setup: please install as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  echo "setup: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
  # The tests start a PostgreSQL of their own; the machine is not given one.
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] ||
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null
fi

if ! command -v cargo >/dev/null; then
  echo "setup: a Rust toolchain is missing; README.md says how to get one" >&2
  exit 1
fi
