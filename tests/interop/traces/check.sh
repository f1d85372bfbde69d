#!/bin/sh
# Spans go to the OTLP receiver of the OpenTelemetry Collector (collector.go), which takes them as they
# are meant. The program is COLLECTOR, or built by Go from the collector's modules.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
DIR=$(mktemp -d)
pids=""
clean_up() {
  for pid in $pids; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$DIR"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
fail() {
  echo "NOT ok: OTLP: $1"
  tail -n 5 "$DIR"/*.err
  exit 1
}

command -v python3 >/dev/null || { echo "skipped: OTLP: no python3"; exit 0; }
collector=${COLLECTOR:-$DIR/collector}
if [ ! -x "$collector" ] && command -v go >/dev/null; then
  mkdir "$DIR/source"
  cp "$here/collector.go" "$DIR/source/"
  (cd "$DIR/source" && go mod init outrider.test/collector &&
    go get go.opentelemetry.io/collector/receiver/otlpreceiver@v0.165.0 \
      go.opentelemetry.io/collector/receiver/receivertest@v0.165.0 &&
    go mod tidy && timeout 1200 go build -o "$collector" .) >"$DIR/go.out" 2>&1 || tail -n 3 "$DIR/go.out"
fi
[ -x "$collector" ] || { echo "skipped: OTLP: no Go, or the collector's modules cannot be had"; exit 0; }

# await FILE TEXT
await() {
  tries=0
  until grep -q "$2" "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "no \"$2\" in $1"
    sleep 0.1
  done
}
COLLECTOR_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export COLLECTOR_PORT
"$collector" "127.0.0.1:$COLLECTOR_PORT" >"$DIR/spans" 2>"$DIR/collector.err" &
pids="$pids $!"
await "$DIR/collector.err" ready
"$OUTRIDER" run "$here/outrider.yaml" 2>"$DIR/outrider.err" &
outrider=$!
pids="$pids $outrider"
await "$DIR/outrider.err" 'egress listening on'
url=http://127.0.0.1:$(sed -n 's/.*egress listening on [0-9.]*:\([0-9]*\).*/\1/p' "$DIR/outrider.err")
trace=0af7651916cd43dd8448eb211c80319c
curl -sS -o "$DIR/answer" "$url/here" -H "traceparent: 00-$trace-b7ad6b7169203331-01" -H 'tracestate: a=1'
curl -sS -o "$DIR/answer" "$url/gone"
kill "$outrider"
wait "$outrider" || fail "exit status $?"
[ "$(grep -c 'spans lost' "$DIR/outrider.err")" = 0 ] || fail "spans were lost"
python3 - "$DIR/spans" "$trace" <<'END' || fail "the collector understood something else"
import json, sys
requests = [json.loads(line) for line in open(sys.argv[1])]
spans, resources = [], []
for request in requests:
    for resource in request["resourceSpans"]:
        resources.append({a["key"]: a["value"]["stringValue"] for a in resource["resource"]["attributes"]})
        for scope in resource["scopeSpans"]:
            spans += scope["spans"]
assert all(r["service.name"] == "shop" and r["service.instance.id"] == "shop-1" for r in resources), resources
assert len(spans) == 4, spans
about = lambda span: {a["key"]: next(iter(a["value"].values())) for a in span["attributes"]}
here = next(span for span in spans if span["name"] == "GET here")
assert here["traceId"] == sys.argv[2] and here["parentSpanId"] == "b7ad6b7169203331", here
assert here["traceState"] == "a=1" and here["kind"] == 2, here
gone = next(span for span in spans if span["name"] == "GET gone")
assert gone["status"]["code"] == 2 and about(gone)["http.response.status_code"] == "502", gone
attempts = [span for span in spans if span["kind"] == 3]
assert all(a["parentSpanId"] == gone["spanId"] and a["traceId"] == gone["traceId"] for a in attempts), attempts
assert sorted(about(a).get("http.request.resend_count", "0") for a in attempts) == ["0", "1"], attempts
assert all(about(a)["error.type"] == "connect_failure" for a in attempts), attempts
END
echo "ok: OTLP: $(wc -l <"$DIR/spans") requests with spans, as they were meant"
