#!/usr/bin/env bash
# Everything that decides. The last lines say what ran and what did not, and why.
set -uo pipefail
cd "$(dirname "$0")/../.."
. test/scripts/setup.sh
. test/scripts/pg.sh
start_pg
export CGO_ENABLED=0
# Shops that are started anew each time lie in memory where there is room: their starting is half
# the kernel's work with files. Tests whose answers are kept do not, as -exec ends the keeping.
inmemory=()
if memory_for 8000; then
  WORK="$(mktemp -d /dev/shm/kassavalv-shops.XXXXXX)"
  chmod 755 "$WORK" # PostgreSQL runs as another user
  inmemory=(-exec "env -u GOTMPDIR TMPDIR=$WORK")
  trap 'stop_pg; rm -rf "$WORK"' EXIT
fi
anew() { go test "${inmemory[@]}" -count=1 "$@"; }
ran=(); failed=()
# What the parts took of the processors is told beside the clock, where the system tells it; of
# PostgreSQL's server nothing is in it.
used() { # sets $cpu: seconds that ended children of this shell took
  local st
  cpu=0
  [ -r /proc/self/stat ] && read -r -a st < "/proc/$BASHPID/stat" && cpu=$(((st[15] + st[16]) / 100))
  return 0
}
part() { # name, command…
  local name="$1"; shift
  local t0=$SECONDS cpu c0
  used; c0=$cpu
  echo "== $name"
  if "$@"; then used; ran+=("$name ($((SECONDS-t0)) s, $((cpu-c0)) s of processors)"); else failed+=("$name"); fi
}
mkdir -p .cache
# Not -trimpath: the tests compile everything without it, and nothing is compiled twice.
part "build" go build -o .cache/kassavalv ./cmd/kassavalv
export KASSAVALV_TEST_PROGRAM="$PWD/.cache/kassavalv"
part "windows compiles" env GOOS=windows go build -o /dev/null ./cmd/kassavalv
part "lint" bash test/scripts/lint.sh
part "unit and integration, SQLite and PostgreSQL" go test -p 3 -timeout 30m $(go list ./... | grep -v '/test/' )
notrun=()
if go test -count=1 -v -run 'TestForgets$' ./internal/ops/copies/powertest 2>&1 | grep -q 'NOT RUN'; then
  notrun+=("a disk that forgets what was not synced: neither root nor namespaces for everybody with /dev/fuse; losses of the spool are planted instead")
fi
part "race detector on the writer, stock and checkout" env CGO_ENABLED=1 go test -race -timeout 15m ./internal/db ./internal/shop/stock ./internal/job
part "race detector on the copies" env CGO_ENABLED=1 go test -race -timeout 15m -run 'Wait|Away|ToATime|FilesComeBack|SegmentsAre' ./internal/ops/copies
part "what the law asks of a shop, read from outside" anew -timeout 10m ./test/law
part "what the verification standard asks is answered by tests that are there" go test -timeout 5m -count=1 ./test/asvs
part "the program that proofs can break" go build -tags proof -o .cache/kassavalv-proof ./cmd/kassavalv
proof() { KASSAVALV_TEST_PROOF_PROGRAM="$PWD/.cache/kassavalv-proof" anew -timeout 15m -parallel 10 "$@"; }
# These mostly wait for banks, buyers and restarts, so they run beside what follows.
beside() {
  ran=(); failed=()
  part "keys away, wrong, silent, turned and killed; one bit turned over; both engines" proof ./test/keys
  part "restart under load, both engines" anew -timeout 10m ./test/restart
  part "crash: purchases in flight, program and database killed, broken programs caught" proof ./test/crash
  part "race: the last piece, code and krona, one purchase moved by all, broken programs caught" proof ./test/race
  part "fault: bank, database, disk and relay misbehave, broken programs caught" proof ./test/fault
  part "copies: the machine lost under load and restored, killed at every step, disks full, sites away; broken programs caught" proof ./test/copies
  part "after a restore: browse, open, the old shop closes, the gap with the bank" proof ./test/wayback
  part "purchases through a partner's stand-in, both engines, killed while money is taken" proof ./test/partners
  part "nothing personal can be read in any byte the shop leaves, both engines" proof ./test/vault
  printf '%s\n' "${ran[@]}" > .cache/beside.ran
  printf '%s\n' "${failed[@]}" > .cache/beside.failed
}
rm -f .cache/beside.*
( beside ) > .cache/beside.log 2>&1 &
aside=$!
part "attack suite over HTTP, both engines" anew -timeout 30m ./test/attack
part "browser journeys in Chromium" anew -timeout 30m ./test/e2e
wait "$aside" || true
cat .cache/beside.log
if [ -f .cache/beside.failed ]; then
  while IFS= read -r l; do [ -z "$l" ] || ran+=("$l"); done < .cache/beside.ran
  while IFS= read -r l; do [ -z "$l" ] || failed+=("$l"); done < .cache/beside.failed
else
  failed+=("restart, crash, race, fault, partners and vault: they did not come to an end")
fi
echo
echo "Ran:"; printf '  %s\n' "${ran[@]}"
for l in "${notrun[@]}"; do echo "NOT RUN: $l"; done
echo "Not part of this command: make bench (figures), make fuzz, make torture (crashes for an hour), make test-outside (judges that are not ours)."
if [ ${#failed[@]} -gt 0 ]; then echo "FAILED:"; printf '  %s\n' "${failed[@]}"; exit 1; fi
echo "All parts passed."
