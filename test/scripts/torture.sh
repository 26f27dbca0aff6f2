#!/usr/bin/env bash
# The crash test for a long while: purchases in flight, the program killed at random
# moments, the books compared after each round. Usage: torture.sh MINUTES
set -euo pipefail
cd "$(dirname "$0")/../.."
minutes="${1:-60}"
. test/scripts/setup.sh
. test/scripts/pg.sh
start_pg
export CGO_ENABLED=0 KASSAVALV_TEST_MINUTES="$minutes"
go test -timeout "$((minutes + 15))m" -count=1 -v ./test/crash | grep -v '^ *level='
