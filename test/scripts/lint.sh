#!/usr/bin/env bash
# Format, vet, generated files, and the house rules (test/arch).
set -euo pipefail
cd "$(dirname "$0")/../.."
bad="$(git ls-files '*.go' | grep -v '_templ.go$' | xargs gofmt -l)"
if [ -n "$bad" ]; then echo "not gofmt-ed:"; echo "$bad"; exit 1; fi
go vet ./...
go test ./test/arch
