#!/usr/bin/env bash
# Runs every fuzz target for a while: parsers of CSV, money, addresses, bodies,
# searches and files.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds="${1:-20}"
grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r f; do
  dir="$(dirname "$f")"
  grep -oE '^func Fuzz[A-Za-z0-9_]+' "$f" | sed 's/^func //' | while read -r name; do
    echo "== $dir $name"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "${seconds}s" "$dir"
  done
done
