#!/bin/sh
# Client (curl, HTTP/1.1) -> Outrider -> TLS, HTTP/2 -> Outrider -> app (HTTP/1.1). Checks all that it
# says, and exits non-zero if something was not so.
set -eu
cd "$(dirname "$0")/../.."
sh tests/setup.sh
if [ -z "${OUTRIDER:-}" ]; then
  echo "Building Outrider (some minutes the first time) ..."
  cmake --preset release -DOUTRIDER_TESTS=OFF >/dev/null
  cmake --build --preset release --target outrider example_origin >/dev/null
fi
outrider=${OUTRIDER:-build/release/outrider}
origin=${EXAMPLE_ORIGIN:-build/release/examples/example_origin}

DIR=$(mktemp -d)
export DIR
pids=""
clean_up() {
  for pid in $pids; do kill "$pid" 2>/dev/null || true; done
  for pid in $pids; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$DIR"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

fail() {
  echo "NOT AS EXPECTED: $1" >&2
  for log in "$DIR"/*.out "$DIR"/*.log; do [ -s "$log" ] && { echo "--- $log" >&2; tail -5 "$log" >&2; }; done
  exit 1
}
# port_in FILE PATTERN: waits (10 s at most) for a line that matches, prints the port at its end.
port_in() {
  tries=0
  until grep -q "$2" "$1" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "no line like \"$2\" in $1"
    sleep 0.1
  done
  grep "$2" "$1" | head -n 1 | sed 's/.*[: ]//'
}
# count FILE TEXT: how many lines hold it.
count() { grep -c -- "$2" "$1" || true; }

"$outrider" certs "$DIR" localhost >/dev/null || fail "certificates"
"$origin" >"$DIR/origin.out" & pids="$pids $!"
APP_PORT=$(port_in "$DIR/origin.out" '[0-9]'); export APP_PORT
"$outrider" run examples/quickstart/inbound.yaml 2>"$DIR/inbound.out" & pids="$pids $!"
INBOUND_PORT=$(port_in "$DIR/inbound.out" 'ingress listening on'); export INBOUND_PORT
"$outrider" run examples/quickstart/outbound.yaml 2>"$DIR/outbound.out" & pids="$pids $!"
port=$(port_in "$DIR/outbound.out" 'egress listening on')

requests=20
i=0
while [ "$i" -lt "$requests" ]; do
  i=$((i + 1))
  answer=$(curl -sS --http1.1 --max-time 10 "http://127.0.0.1:$port/hello") || fail "curl, request $i"
  [ "$answer" = "hello from the app" ] || fail "the answer to request $i: $answer"
done
flaky=$(curl -sS --http1.1 --max-time 10 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/flaky")
[ "$flaky" = 200 ] || fail "the retried request gave $flaky"
clusters=$(curl -sS --max-time 10 --unix-socket "$DIR/admin.sock" http://localhost/clusters)
for pid in $(echo "$pids" | cut -d' ' -f3-); do kill "$pid"; wait "$pid" || true; done  # flushes the logs

out=$DIR/outbound.log
in=$DIR/inbound.log
[ "$(count "$out" '"protocol":"http1"')" = 21 ] || fail "client -> Outrider is not HTTP/1.1"
[ "$(count "$in" '"protocol":"h2"')" = 22 ] || fail "Outrider -> Outrider is not HTTP/2"
connects=$(echo "$clusters" | sed 's/.*"workers"//; s/.*"connects":\([0-9]*\).*/\1/')
[ "$connects" = 1 ] || fail "there were $connects connections between the Outriders, not one"
attempts=$(grep '"path":"/flaky"' "$out" | sed 's/.*"attempts":\([0-9]*\).*/\1/')
[ "$attempts" = 2 ] || fail "the flaky request took $attempts attempts, not two"

cat <<TEXT

  curl --HTTP/1.1--> Outrider ==TLS, HTTP/2==> Outrider --HTTP/1.1--> app

  client -> Outrider     plain HTTP/1.1      21 requests, $((requests + 1)) times 200
  Outrider -> Outrider   HTTP/2 over TLS     verified against a development CA,
                                             all requests on $connects multiplexed connection
  Outrider -> app        plain HTTP/1.1      the app knows nothing of all this
  retry                  GET /flaky          the app said 503, then 200; curl saw only the 200
                                             ($attempts attempts)
TEXT
