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
# Stripe's own judge of requests, built once.
if [ ! -x .cache/stripe-mock ]; then
  echo "== building stripe-mock"
  GOBIN="$PWD/.cache" GOFLAGS= CGO_ENABLED=0 go install github.com/stripe/stripe-mock@v0.203.0 || { echo "stripe-mock could not be built" >&2; exit 1; }
fi
# A server by others that speaks the protocol of AWS KMS, built once (internal/secret/kms/kmstest has the same version).
if [ ! -x .cache/local-kms ]; then
  echo "== building local-kms"
  GOBIN="$PWD/.cache" GOFLAGS= CGO_ENABLED=0 go install github.com/nsmithuk/local-kms@v0.0.0-20260228092603-2a5e92d09ab6 || { echo "local-kms could not be built" >&2; exit 1; }
fi
# An object store by others, that the tests of copies keep copies in, built once (internal/ops/copies/s3/s3test has the same version).
if [ ! -x .cache/versitygw ]; then
  echo "== building versitygw"
  GOBIN="$PWD/.cache" GOFLAGS= CGO_ENABLED=0 go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 || { echo "versitygw could not be built" >&2; exit 1; }
fi
# The stock program that opens the second road of the copies, built once (internal/ops/copies/agetest has the same version).
if [ ! -x .cache/age ]; then
  echo "== building age"
  GOBIN="$PWD/.cache" GOFLAGS= CGO_ENABLED=0 go install filippo.io/age/cmd/age@v1.3.2 || { echo "age could not be built" >&2; exit 1; }
fi
# An independent reader of the format of our copies, built once (internal/ops/copies/litestreamtest has the same version).
if [ ! -x .cache/litestream ]; then
  echo "== building litestream"
  GOBIN="$PWD/.cache" GOFLAGS= CGO_ENABLED=0 go install github.com/benbjohnson/litestream/cmd/litestream@v0.5.18 || { echo "litestream could not be built" >&2; exit 1; }
fi
