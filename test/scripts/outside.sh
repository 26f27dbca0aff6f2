#!/usr/bin/env bash
# Independent judges, none of them ours: Mozilla's HTTP Observatory, Google's policy
# evaluator, the W3C's markup checker over every kind of page, and a linter of OpenAPI.
# Needs node, npm and java; installs the judges into .cache/outside.
set -uo pipefail
cd "$(dirname "$0")/../.."
for c in node npm java curl python3; do command -v "$c" >/dev/null || { echo "Please install: nodejs npm default-jre-headless curl python3 ($c is missing)" >&2; exit 1; }; done
export CGO_ENABLED=0 REDOCLY_TELEMETRY=off
mkdir -p .cache/outside
if [ ! -d .cache/outside/node_modules/vnu-jar ]; then
  echo "== installing the judges"
  (cd .cache/outside && npm init -y >/dev/null && npm install --ignore-scripts --omit=optional --no-audit --no-fund --silent \
    vnu-jar@26.9.27 @redocly/cli@2.77.0 csp_evaluator@1.1.8 @mdn/mdn-http-observatory@1.4.8) || exit 1
fi
go build -trimpath -o .cache/kassavalv ./cmd/kassavalv || exit 1
work="$(mktemp -d)"
.cache/kassavalv demo --data "$work/data" --addr 127.0.0.1:0 --ready-file "$work/ready.json" >"$work/log" 2>&1 &
shop=$!
trap 'kill -INT $shop 2>/dev/null; wait $shop 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 300); do [ -f "$work/ready.json" ] && break; sleep 0.1; done
[ -f "$work/ready.json" ] || { cat "$work/log"; exit 1; }
fact() { python3 -c "import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])" "$work/ready.json" "$1"; }
ca="$(fact ca)"; at="$(fact shop)"
failed=()

echo "== headers and policy"
NODE_EXTRA_CA_CERTS="$ca" node test/outside/observatory.mjs .cache/outside/node_modules "$work/ready.json" || failed+=("headers and policy")

echo "== markup"
mkdir "$work/pages"; n=0
for p in / /en /cart /checkout /support /withdraw /orders/find /trust /status /login /finns-inte "/search?q=mugg" "/search?q=xyzzy" /admin/login \
  $(curl -s --cacert "$ca" "$at/sitemap.xml" | grep -oE '<loc>[^<]+' | sed 's/<loc>//' | while read -r m; do curl -s --cacert "$ca" "$m"; done | grep -oE '<loc>[^<]+' | sed "s#<loc>$at##" | sort -u); do
  n=$((n+1)); curl -s --cacert "$ca" "$at$p" -o "$work/pages/$(printf %03d $n).html"
done
echo "$n pages"
# role="list" keeps a list a list for VoiceOver when its bullets are styled away.
java -jar .cache/outside/node_modules/vnu-jar/build/dist/vnu.jar --format gnu --filterpattern '.*“list” role is unnecessary.*' "$work"/pages/*.html >"$work/vnu" 2>&1 || { sort "$work/vnu" | head -40; failed+=("markup"); }

echo "== API description"
curl -s --cacert "$ca" "$at/api/store/v1/openapi.json" -o "$work/openapi.json"
(cd .cache/outside && npx redocly lint --skip-rule=no-server-example.com "$work/openapi.json" >"$work/lint" 2>&1) || { tail -40 "$work/lint"; failed+=("API description"); }

if [ ${#failed[@]} -gt 0 ]; then printf 'FAILED: %s\n' "${failed[@]}"; exit 1; fi
echo "All judges are content."
