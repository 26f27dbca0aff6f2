# Sourced by the scripts: installs what is missing where that is allowed, and
# says in one line what to install where it is not.
need=()
have() { command -v "$1" >/dev/null 2>&1; }
pg_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1; }
have gcc || need+=(gcc libc6-dev)
[ -n "$(pg_bin)" ] && [ -x "$(pg_bin)/initdb" ] || need+=(postgresql)
have chromium || need+=(chromium)
have npm || need+=(nodejs npm)
have pdftotext || need+=(poppler-utils)
have pgbackrest || need+=(pgbackrest)
[ -x /usr/sbin/sshd ] || need+=(openssh-server)
if [ ${#need[@]} -gt 0 ]; then
  sudo=""
  [ "$(id -u)" = 0 ] || sudo="sudo -n"
  if have apt-get && { [ -z "$sudo" ] || sudo -n true 2>/dev/null; }; then
    echo "== installing ${need[*]}"
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq
    $sudo apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
  else
    echo "Please install: ${need[*]}" >&2
    exit 1
  fi
fi
# The rules the browser journeys judge pages by. Fetched, never committed.
if [ ! -f .cache/node_modules/axe-core/axe.min.js ]; then
  echo "== fetching axe-core"
  mkdir -p .cache
  npm install --ignore-scripts --no-audit --no-fund --no-save --silent --prefix .cache axe-core@4.13 || { echo "axe-core could not be fetched from npm" >&2; exit 1; }
fi
# Programs of others that tests run, built once.
while read -r name what; do
  case "$name" in '' | '#'*) continue ;; esac
  [ -x ".cache/$name" ] && continue
  echo "== building $name"
  GOBIN="$PWD/.cache" GOFLAGS= CGO_ENABLED=0 go install "$what" </dev/null || { echo "$name could not be built" >&2; exit 1; }
done <test/scripts/programs.txt
