#!/usr/bin/env bash
# The proofs for a long while. First every program that is broken on purpose, on
# both engines; then crash, race, fault and copies in turns, each on fresh shops, until the
# minutes are over. The last lines add up what was done. Usage: torture.sh MINUTES
#
# One of a turn's tests that fails ends the run: what it said is in .cache/torture.
set -uo pipefail
cd "$(dirname "$0")/../.."
minutes="${1:-60}"
. test/scripts/setup.sh
. test/scripts/pg.sh
start_pg
export CGO_ENABLED=0
out="$PWD/.cache/torture"
rm -rf "$out" && mkdir -p "$out"
go build -trimpath -o "$out/kassavalv" ./cmd/kassavalv &&
go build -trimpath -tags proof -o "$out/kassavalv-proof" ./cmd/kassavalv &&
for p in crash race fault copies; do go test -c -o "$out/$p.test" "./test/$p" || exit 1; done || exit 1
go test -c -o "$out/room.test" ./internal/ops/copies || exit 1
export KASSAVALV_TEST_PROGRAM="$out/kassavalv" KASSAVALV_TEST_PROOF_PROGRAM="$out/kassavalv-proof"
failed=0
run() { # package, log, arguments…
  local p="$1" log="$out/$2.log"; shift 2
  if (cd "test/$p" && "$out/$p.test" -test.count=1 -test.parallel 10 -test.v "$@") >"$log" 2>&1; then
    return 0
  fi
  failed=1
  echo "FAILED: $log"
  grep -E '_test\.go:|finding\.go:|panic|--- FAIL' "$log" | head -n 40
  return 1
}
begin=$SECONDS
for p in crash race fault copies; do
  KASSAVALV_TEST_BROKEN=1 run "$p" "broken-$p" -test.timeout 20m -test.run Broken || break
done
caught="$(cat "$out"/broken-*.log | grep -c '_test.go:[0-9]*: caught')"
echo "broken programs: $caught caught in $((SECONDS - begin)) s"
# Histories of copies: a database over a gigabyte, then HISTORIES random ones (100,000) from seed FIRST (0) on, for HISTORY_MINUTES at most (a quarter of
# the time), then as many on a disk that forgets, for half as long. What it prints at the end is where the next run takes up.
if [ $failed = 0 ]; then
  histories() { # log, test, environment…
    local log="$out/$1.log" run="$2"; shift 2
    if env "$@" "$out/room.test" -test.v -test.count=1 -test.parallel 8 -test.timeout 24h -test.run "$run" >"$log" 2>&1; then
      grep -hoE '[0-9]+ of [0-9]+ histories.*|a drill of [0-9]+ MB in [^:]*' "$log"
    else
      failed=1
      echo "FAILED: $log"
      grep -E '_test\.go:|panic|--- FAIL' "$log" | head -n 40
    fi
  }
  # In memory where there is room: what a disk loses is planted, so that nothing is proven by
  # writing to one, and four times as many are lived through.
  memory=""
  if memory_for 2500; then
    memory="$(mktemp -d /dev/shm/kassavalv-torture.XXXXXX)"
    trap 'rm -rf "$memory"; stop_pg' EXIT
  fi
  n="${HISTORIES:-100000}" m="${HISTORY_MINUTES:-$((minutes / 4 + 1))}" first="${FIRST:-0}"
  cd internal/ops/copies || exit 1
  histories gigabyte 'TestOverTheLockPage' KASSAVALV_TEST_HISTORIES="$n"
  histories histories 'TestHistories$' ${memory:+TMPDIR="$memory"} GOGC=400 KASSAVALV_TEST_HISTORIES="$n" KASSAVALV_TEST_FIRST="$first" KASSAVALV_TEST_MINUTES="$m"
  histories forgetful 'TestForgetfulHistories' KASSAVALV_TEST_FORGETFUL="$n" KASSAVALV_TEST_FIRST="$first" KASSAVALV_TEST_MINUTES=$((m / 2 + 1))
  cd ../../..
fi
turns=0
while [ $failed = 0 ] && [ $((SECONDS - begin)) -lt $((minutes * 60)) ]; do
  turns=$((turns + 1))
  left=$(((minutes * 60 - SECONDS + begin) / 60))
  each=$((left / 4 < 3 ? left / 4 : 3)) # minutes of each proof in this turn
  for p in crash race fault copies; do
    KASSAVALV_TEST_MINUTES=$each run "$p" "$(printf '%s-%03d' "$p" "$turns")" -test.timeout 30m -test.run 'TestCrashes|TestDatabaseKilled|TestRaces|TestFaults|TestMachineLost|TestRig' || break 2
  done
  echo "turn $turns: crash, race, fault and copies held, $(((SECONDS - begin) / 60)) of $minutes minutes"
done
echo
cat "$out"/*.log | grep '^sum: ' | awk -v turns="$turns" -v caught="$caught" -v seconds="$((SECONDS - begin))" '
  { n++; for (i = 3; i <= NF; i++) { split($i, kv, "="); sum[kv[1]] += kv[2] } }
  END { printf "torture: %d turns in %d s; %d rounds, %d kills, %d purchases, %d refunds; %d broken programs caught; differences: %d\n",
    turns, seconds, sum["rounds"], sum["kills"], sum["purchases"], sum["refunds"], caught, sum["differences"] }'
exit $failed
