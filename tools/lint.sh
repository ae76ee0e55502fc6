#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every check that is not a test. Runs all of them and fails if one failed.
set -uo pipefail

failed=()
check() {
  local name=$1
  shift
  if output=$("$@" 2>&1); then
    echo "ok    $name"
  else
    echo "FAIL  $name"
    printf '%s\n' "$output" | sed 's/^/      /'
    failed+=("$name")
  fi
}

same_api() {
  local before after
  before=$(git hash-object $(git ls-files -co --exclude-standard '*/api/*') | sha256sum)
  make --no-print-directory proto
  after=$(git hash-object $(git ls-files -co --exclude-standard '*/api/*') | sha256sum)
  [ "$before" = "$after" ] || { echo "the generated API was out of date; it is new now"; return 1; }
}

same_reference() {
  PYTHONPATH=tools python -m development.reference --check
}

no_addresses() {
  ! grep -nE '^(--(extra-)?index-url|--find-links)|https?://' requirements/*.txt
}

python_dirs=(server/kagimori clients/python/kagimori_client tools tests proto)

check "ruff check" ruff check "${python_dirs[@]}"
check "ruff format" ruff format --check "${python_dirs[@]}"
check "mypy server, clients" mypy -p kagimori -p kagimori_client
check "mypy tools, tests" mypy tools/development tests proto/generate.py
check "import rules" lint-imports
check "extension's types" python -m mypy.stubtest kagimori.core._core --ignore-disjoint-bases
check "buf lint" sh -c 'cd proto && buf lint'
check "buf breaking" sh -c 'cd proto && buf breaking --against baseline.binpb'
check "buf format" sh -c 'cd proto && buf format --diff --exit-code'
check "generated API" same_api
check "generated reference" same_reference
check "requirements hold no address" no_addresses
for workspace in core_rs tools/pkcs11_shim tools/loadgen; do
  check "rustfmt $workspace" cargo fmt --check --all --manifest-path "$workspace/Cargo.toml"
  check "clippy $workspace" cargo clippy --quiet --locked --workspace --all-targets \
    --manifest-path "$workspace/Cargo.toml" -- -D warnings
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "lint: ${#failed[@]} failed: ${failed[*]}"
  exit 1
fi
echo "lint: all clean"
